"""``heartward train --search``: values of a recipe tried by subject."""

import math
from pathlib import Path

import msgspec
import pytest

from models.errors import ConfigurationError, ModelError
from tests.unit.training import two_tones
from tests.unit.training.trained_tones import ordered, write_recipe
from training.engine import recipe_files, search
from training.engine.recipe import Recipe


def test_a_search_tries_values_by_subject_and_writes_the_best_recipe(place: Path) -> None:
    told = write_recipe(
        place,
        training__epochs=1,
        training__monitor="auc",
        search={
            "optimiser.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
            "front_end.bands": {"among": [8, 16]},
            "training.batch": {"low": 4, "high": 8},
        },
    )
    ordered(trials=3, out=place / "found")
    found = msgspec.json.decode((place / "found" / "search.json").read_bytes(), type=search.Found)
    assert len(found.trials) == 3
    assert found.best_figure == max(it.figure for it in found.trials if it.figure is not None)
    better = recipe_files.load(place / "found" / "recipe.toml")
    assert better == recipe_files.changed(told, found.best)
    assert found.best["front_end.bands"] in {8, 16}
    assert 4 <= found.best["training.batch"] <= 8
    with pytest.raises(ConfigurationError, match="found exists"):
        ordered(trials=1, out=place / "found")


def test_a_search_finds_the_better_end_of_a_range_and_repeats_itself() -> None:
    told = two_tones.recipe(
        Path("x"), training__monitor="uar", search={"training.ema": {"low": 0.0, "high": 0.9}}
    )
    heard: list[int] = []

    def judge(changed: Recipe, inner: int) -> float:
        heard.append(inner)
        return changed.training.ema

    found = search.search(told, 12, judge)
    assert found.best["training.ema"] > 0.7
    assert {0, 1, 2} == set(heard)
    again = search.search(told, 12, judge)
    assert again == found


def test_a_search_goes_on_past_trials_that_diverge(place: Path) -> None:
    ranges = {"optimiser.learning_rate": {"low": 1e-4, "high": 1e-1}}
    told = write_recipe(place, search=ranges, training__monitor="uar")

    def judged(changed: Recipe, _inner: int) -> float:
        rate = changed.optimiser.learning_rate
        if rate > 0.05:
            raise ModelError("the loss of epoch 0 is not finite")
        return math.nan if rate > 0.04 else rate

    found = search.search(told, 12, judged)
    assert {it.state for it in found.trials} >= {"COMPLETE", "FAIL"}
    assert len(found.trials) == 12
    assert found.best_figure == pytest.approx(found.best["optimiser.learning_rate"])
    assert found.best_figure <= 0.04
    with pytest.raises(ConfigurationError, match="none of 2 trials came to an end with a uar"):
        search.search(told, 2, lambda *_: math.nan)


def test_a_recipe_without_ranges_has_nothing_to_search() -> None:
    with pytest.raises(ConfigurationError, match=r"tones has no \[search\]"):
        search.search(two_tones.recipe(Path("x")), 1, lambda *_: 0.0)
