"""What a recipe settles of its net's contract, before anybody has trained, named or measured it."""

from models.contract import ModelContract
from training.engine.recipe import Recipe
from training.export import OPSET


def of_recipe(told: Recipe) -> ModelContract:
    """Labels and what the net is given; origin, figures, use and licence are empty yet."""
    hearing = told.contract
    return ModelContract(
        name=told.name,
        version=told.version(),
        task=told.name,
        labels=told.data.labels,
        exclusive=told.data.exclusive,
        sample_rate_hz=hearing.sample_rate_hz,
        window_s=hearing.window_s,
        hop_s=hearing.hop_s,
        filter=hearing.filter_spec,
        scaling=hearing.scaling_spec,
        opset=OPSET,
        training_data="",
        training_data_sha256="",
        split="",
        split_sha256="",
        git_commit="",
        metrics={},
        reference={},
        intended_use="",
        licence="",
    )
