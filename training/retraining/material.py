"""What a retraining learns from and what it is judged by, out of a recipe and clinicians' labels.

A patient is held out for good or never: that is drawn from the pseudonym alone, so labels that
come later cannot move someone from the test into the training.
"""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from models.errors import ConfigurationError
from training import splits
from training.datasets import clinicians
from training.datasets.clinicians import ClinicianLabel
from training.engine import parts, recipe_files
from training.engine.recipe import Recipe

CLINICIANS = "clinicians"
HELD_OUT = "clinicians-held-out"

_HELD_OUT_OF_256 = 51  # a fifth


class Material(NamedTuple):
    """Labels to learn from, and labels to be judged by; artefacts are in neither."""

    learnt: tuple[ClinicianLabel, ...]
    held_out: tuple[ClinicianLabel, ...]


def divided(labels: Iterable[ClinicianLabel]) -> Material:
    """A fifth of the patients is held out."""
    usable = [label for label in labels if label.labels]
    return Material(
        tuple(label for label in usable if not is_held_out(label.subject)),
        tuple(label for label in usable if is_held_out(label.subject)),
    )


def is_held_out(subject: str) -> bool:
    return hashlib.sha256(subject.encode()).digest()[0] < _HELD_OUT_OF_256


def require_known(labels: Iterable[ClinicianLabel], told: Recipe) -> None:
    """Refuse labels that the recipe has no answer for; raises `ConfigurationError`."""
    for label in labels:
        own = {told.data.rename.get(word, word) for word in label.labels}
        strange = sorted(own - set(told.data.labels))
        if strange or (told.data.exclusive and len(own) > 1):
            called = ", ".join(sorted(own))
            raise ConfigurationError(
                f"{label.path} is called {called} by {label.labelled_by}, and {told.name} tells "
                f"{' from '.join(told.data.labels)}: correct it, name it in data.rename, or choose "
                "another recipe"
            )


def recipe_with(told: Recipe, folder: Path) -> Recipe:
    """The recipe on what a test leaves of its data sets, and all of a folder of labels.

    Each data set that has a committed held-out part keeps it for the comparison, whatever the
    recipe's own protocols are.
    """
    of_protocols = [
        name if parts.is_own(name) else splits.protocol_named(name).data_set
        for name in told.data.protocols
    ]
    named = dict.fromkeys((*of_protocols, *told.data.whole))
    parted = [name for name in named if name in _with_held_out_part()]
    whole = [name for name in named if name not in parted]
    return recipe_files.changed(
        told, {"data.protocols": parted, "data.whole": [*whole, str(folder)]}
    )


def copy(labels: tuple[ClinicianLabel, ...], source: Path, to: Path) -> None:
    """Keep these clips and their table, for an export may be gone when somebody asks."""
    for label in labels:
        place = to / label.path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / label.path, place)
    clinicians.write(to, labels)


def _with_held_out_part() -> frozenset[str]:
    return frozenset(each.data_set for each in splits.PROTOCOLS if each.name == each.data_set)
