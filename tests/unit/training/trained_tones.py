"""``heartward train`` on two tones: a working folder with recordings and a recipe in it."""

from pathlib import Path
from typing import Any

import torch

from tests.unit.training import two_tones
from training.engine import commands, recipe_files, runs
from training.engine.commands import Order
from training.engine.recipe import Recipe


def lay_out(place: Path) -> None:
    """Recordings and a recipe, as `tones.toml`."""
    sounds = place / "sounds"
    sounds.mkdir()
    two_tones.write(sounds)
    write_recipe(place)


def write_recipe(place: Path, **changes: Any) -> Recipe:
    told = two_tones.recipe(place / "sounds", **changes)
    (place / "tones.toml").write_text(recipe_files.to_toml(told))
    return told


def ordered(**told: Any) -> None:
    commands.run(Order(recipe="tones.toml", device="cpu", **told))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return runs.load(folder)[0].state_dict()


def same(first: Path, second: Path) -> bool:
    own, others = weights(first), weights(second)
    return all(torch.equal(own[name], others[name]) for name in own)
