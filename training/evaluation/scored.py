"""Predictions as arrays: what every metric is a function of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationError
from training.evaluation.predictions import Heard, Predictions

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.str_]
Level = Literal["recording", "window"]

THRESHOLD = 0.5  # of labels that may concur


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Recordings, or windows, with their truth; arrays of one length n.

    Attributes
    ----------
    labels
        k of them.
    exclusive
        Whether exactly one label holds.
    truth
        Shape (n, k).
    probabilities
        Shape (n, k).
    subject, database
        Shape (n,): who, or which source group; and where from.
    clear
        Shape (n,): whether the annotators called it good to hear.
    answered
        Shape (n,): False where no window was usable, so that the model should have passed.
    """

    labels: tuple[str, ...]
    exclusive: bool
    truth: Bools
    probabilities: Floats
    subject: Words
    database: Words
    clear: Bools
    answered: Bools

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def actual(self) -> npt.NDArray[np.int64]:
        """Shape (n,): place of the one true label."""
        return np.asarray(self.truth.argmax(axis=1))

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """Shape (n,): place of the likeliest label, as `heartward classify` names it."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def decided(self) -> Bools:
        """Shape (n, k): the labels that are given; one each where they exclude each other."""
        if not self.exclusive:
            return np.asarray(self.probabilities >= THRESHOLD)
        return np.asarray(self.predicted[:, None] == np.arange(len(self.labels)))

    @property
    def right(self) -> Bools:
        """Shape (n,): whether every label is as it should be."""
        return np.asarray((self.decided == self.truth).all(axis=1))

    @property
    def confidence(self) -> Floats:
        """Shape (n,): how sure the model is of what it decided."""
        certain = np.where(self.decided, self.probabilities, 1 - self.probabilities)
        if self.exclusive:
            return np.asarray(self.probabilities.max(axis=1))
        return np.asarray(certain.min(axis=1))

    def take(self, chosen: npt.NDArray[np.integer] | Bools) -> "Scored":
        return replace(
            self,
            truth=self.truth[chosen],
            probabilities=self.probabilities[chosen],
            subject=self.subject[chosen],
            database=self.database[chosen],
            clear=self.clear[chosen],
            answered=self.answered[chosen],
        )

    def with_probabilities(self, probabilities: Floats) -> "Scored":
        return replace(self, probabilities=probabilities)


def scored(runs: Iterable[Predictions], level: Level = "recording") -> Scored:
    """Pool the tests of all folds, which must speak of the same labels.

    Raises
    ------
    ConfigurationError
        If they do not, or nothing was tested.
    """
    every = list(runs)
    kinds = {(each.run.labels, each.run.exclusive) for each in every}
    if len(kinds) != 1:
        raise ConfigurationError(f"only tests of the same labels can be pooled, not of {kinds}")
    ((labels, exclusive),) = kinds
    rows = [row for each in every for row in each.recordings]
    if not rows:
        raise ConfigurationError("nothing was tested: the predictions hold no recording")
    lengths = np.array([len(row.windows) if level == "window" else 1 for row in rows])
    return Scored(
        labels=labels,
        exclusive=exclusive,
        truth=np.repeat(_truth(rows, labels), lengths, axis=0),
        probabilities=_probabilities(rows, level),
        subject=np.repeat(np.array([row.subject for row in rows]), lengths),
        database=np.repeat(np.array([row.database for row in rows]), lengths),
        clear=np.repeat(np.array([row.clear for row in rows], bool), lengths),
        answered=_answered(rows, level),
    )


def _truth(rows: Sequence[Heard], labels: tuple[str, ...]) -> Bools:
    return np.array([[label in row.truth for label in labels] for row in rows], bool)


def _probabilities(rows: Sequence[Heard], level: Level) -> Floats:
    if level == "recording":
        return np.array([row.combined for row in rows], np.float64)
    return np.array([window for row in rows for window in row.windows], np.float64)


def _answered(rows: Sequence[Heard], level: Level) -> Bools:
    if level == "recording":
        return np.array([any(row.usable) for row in rows], bool)
    return np.array([usable for row in rows for usable in row.usable], bool)
