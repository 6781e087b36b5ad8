"""What nets cost that nobody need train for it: neither size nor time depends on the weights.

    python -m training.shipping.untrained a-squeezenet e-cnn14-log-mel --to training/results

measures each recipe's net as `heartward evaluate` measures an artifact, in one run on one machine,
so that ``heartward report`` shows ours beside the literature's. Nothing else should run meanwhile.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from models.contract import ModelContract
from training.engine import recipe_files
from training.engine.recipe import Recipe
from training.evaluation import collected
from training.evaluation.cost import Cost, measure
from training.export import OPSET, export
from training.progress import tracked

_SHAKEN = 1e-3  # as biases all begin at 0, of which the exporter would keep one
_NOTHING = "nothing: untrained"


def cost_of(told: Recipe, *, seconds: float = 1.0) -> Cost:
    """Of a recipe's net in floating point; `seconds` are spent on each size of batch."""
    torch.manual_seed(told.training.seed)
    net = told.build().eval()
    with torch.no_grad():
        for weights in net.parameters():
            if weights.requires_grad:
                weights.add_(_SHAKEN * torch.randn_like(weights))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.onnx"
        file.write_bytes(export(net, _contract(told)))
        return measure(file, seconds=seconds)


def main(
    recipes: Annotated[list[str], typer.Argument(help="Recipes that ship, or TOML files.")],
    to: Annotated[Path, typer.Option(help="Folder for a .cost.json of each.")] = Path(),
) -> None:
    """Measure what the nets of recipes cost, untrained; nothing else should run meanwhile."""
    every = [recipe_files.load(recipe_files.find(name)) for name in recipes]
    torch.set_num_threads(1)
    to.mkdir(parents=True, exist_ok=True)
    for told in tracked(every, "measuring"):
        written = collected.write_cost(cost_of(told), to)
        Console().print(f"wrote {written}", highlight=False, soft_wrap=True)


def _contract(told: Recipe) -> ModelContract:
    """What the file promises, which nobody is to run."""
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
        training_data=_NOTHING,
        training_data_sha256="",
        split=_NOTHING,
        split_sha256="",
        git_commit="",
        metrics={},
        reference={},
        intended_use="To be measured.",
        licence=_NOTHING,
    )


if __name__ == "__main__":
    typer.run(main)
