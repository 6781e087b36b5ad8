"""Runs as `heartward train` left them: net, recipe, and who was in which part."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from models.errors import ConfigurationError
from training.architectures.registry import Classifier
from training.datasets import catalogue
from training.datasets.recordings import DataSet
from training.engine import runs
from training.engine.parts import Owned
from training.engine.recipe import Recipe
from training.engine.runs import Run
from training.splits.parts import Part

_RUN = "run.json"
# What two nets must share for one to speak for the other: all that the graph is made from.
_OF_THE_GRAPH = ("contract", "front_end", "architecture")
# What differs between the folds of a protocol and a last training by its very nature.
_BY_NATURE = ("name", "about", "search", "data.protocols", "data.whole", "training.seed")


class Trained(NamedTuple):
    """One run; `listed` has the paths of each part by data set."""

    folder: Path
    net: Classifier
    recipe: Recipe
    run: Run
    listed: dict[Part, dict[str, tuple[str, ...]]]

    def held_back(self) -> int:
        """How many recordings it was never trained on nor judged by while it trained."""
        return sum(map(len, self.listed["test"].values()))

    def owned(self, part: Part) -> tuple[Owned, ...]:
        """The recordings of a part, from where the data sets lie.

        Raises
        ------
        ConfigurationError
            If a data set is not here, or not the one that it was trained on.
        """
        found: list[Owned] = []
        for name, paths in self.listed[part].items():
            data = self._data(name)
            known = {each.path: each for each in data.recordings}
            missing = [path for path in paths if path not in known]
            if missing:
                raise ConfigurationError(
                    f"{missing[0]} and {len(missing) - 1} others of {name} were in "
                    f"{self.folder}, and {data.folder} does not have them: is it the same data?"
                )
            found += [(data, known[path]) for path in paths]
        return tuple(found)

    def _data(self, name: str) -> DataSet:
        """A set that ships by its name; a person's own by the folder that the recipe names."""
        for told in (*self.recipe.data.whole, *self.recipe.data.protocols):
            if Path(told).name == name and told not in catalogue.CATALOGUE:
                return catalogue.load(told)
        return catalogue.load(name)


def load(folder: Path) -> Trained:
    """Read a run.

    Raises
    ------
    ModelError
        If the folder holds no whole run.
    """
    net, recipe = runs.load(folder)
    return Trained(folder, net, recipe, runs.finished(folder), runs.listed(folder))


def load_all(places: Iterable[Path]) -> tuple[Trained, ...]:
    """Every run in some folders and those below them."""
    found = []
    for place in places:
        own = sorted(file.parent for file in place.rglob(_RUN))
        if not own:
            raise ConfigurationError(
                f"{place} holds no finished run: name what heartward train wrote, or a folder of it"
            )
        found += own
    return tuple(load(folder) for folder in dict.fromkeys(found))


def require_alike(final: Trained, others: Sequence[Trained]) -> None:
    """Raise `ConfigurationError` where another run's net is not made as the final one's."""
    for other in others:
        parts = [
            name
            for name in _OF_THE_GRAPH
            if getattr(final.recipe, name) != getattr(other.recipe, name)
        ]
        own, theirs = final.recipe.data, other.recipe.data
        if (own.labels, own.exclusive) != (theirs.labels, theirs.exclusive):
            parts.append("data.labels")
        if parts:
            raise ConfigurationError(
                f"{other.folder} has another {', '.join(parts)} than {final.folder}: its figures "
                "say nothing of it, name runs of one recipe"
            )


def require_the_same_held_back(finals: Sequence[Trained]) -> None:
    """Raise `ConfigurationError` where one of several nets learnt what another held back."""
    first, *others = finals
    for other in others:
        if other.listed != first.listed:
            raise ConfigurationError(
                f"{other.folder} learnt from other recordings than {first.folder}: nets that "
                "answer together must have held back the same, name seeds of one fold"
            )


def differences(final: Trained, others: Sequence[Trained]) -> tuple[str, ...]:
    """Dotted names of what else differs in the recipes, for the card."""
    own = _flat(msgspec.to_builtins(final.recipe))
    found = set()
    for other in others:
        theirs = _flat(msgspec.to_builtins(other.recipe))
        found |= {key for key in own.keys() | theirs.keys() if own.get(key) != theirs.get(key)}
    return tuple(sorted(found - set(_BY_NATURE)))


def _flat(fields: dict[str, object], above: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in fields.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found
