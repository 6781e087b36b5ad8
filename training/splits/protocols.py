"""The ways in which a data set is divided for a comparison, and whether they leak.

Every protocol is a committed file, ``split_files/NAME.csv``: a row per recording, a column per
repetition, and in each cell the part. A protocol that separates single recordings has one
person's recordings, or cuts of one source, in training and test. It says so by `leaks`, and
`title` is what a report prints.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from training.datasets import catalogue
from training.datasets.recordings import Recording
from training.splits import dealing, held_out
from training.splits.parts import Part

Separates = Literal["subjects", "databases", "recordings"]
Table = dict[str, tuple[str, ...]]

LEAK = "LEAKS: recordings of one subject, or cuts of one source, are in training and test"
_FOLDS = 5
_SEEDS = (1, 2, 3, 4, 5)


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """One training and one test of a protocol; paths, in the order of the split's file.

    `tested` is the fold or database that is held back, as the file calls it; empty where the
    protocol has named parts.
    """

    title: str
    leaks: bool
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    tested: str = ""


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """How one data set is divided.

    Attributes
    ----------
    separates
        What is never in two parts.
    folds
        How many equal parts take turns as the test; 0 where there are named parts.
    shares
        Of the named parts, in the literature's own numbers.
    seeds
        One repetition each.
    """

    name: str
    data_set: str
    separates: Separates
    after: str
    folds: int = 0
    shares: dict[Part, float] = {}
    seeds: tuple[int, ...] = (held_out.SEED,)

    @property
    def leaks(self) -> bool:
        return self.separates == "recordings"

    @property
    def title(self) -> str:
        """For reports: what is apart, and a warning where nothing is."""
        said = f"{self.data_set}, {self.after}"
        if self.leaks:
            return f"{said} ({LEAK})"
        by_person = self.separates == "subjects"
        apart = catalogue.people_of([self.data_set]) if by_person else self.separates
        return f"{said}, {apart} kept apart"

    def divide(self, recordings: Sequence[Recording]) -> Table:
        """By path, the part in each repetition."""
        columns = [self._divide(recordings, seed) for seed in self.seeds]
        return {path: tuple(column[path] for column in columns) for path in sorted(columns[0])}

    def _divide(self, recordings: Sequence[Recording], seed: int) -> dict[str, str]:
        if self.separates == "databases":
            return dealing.by_database(recordings)
        if self.folds:
            folds = {str(fold): 1 / self.folds for fold in range(self.folds)}
            return dealing.by_subject(recordings, folds, seed=seed)
        if self.separates == "subjects":
            return {**held_out.split(recordings, seed)}
        parts = dealing.by_recording(recordings, self.shares, seed=seed)
        return {**parts}

    def turns(self, table: Table) -> Iterator[Fold]:
        """Every training and test that the committed `table` asks for."""
        for repetition in range(len(self.seeds)):
            parts = {path: cells[repetition] for path, cells in table.items()}
            if self.shares:
                yield self._named(parts, f"seed {self.seeds[repetition]}")
            else:
                yield from (self._without(parts, part) for part in sorted(set(parts.values())))

    def _named(self, parts: dict[str, str], turn: str) -> Fold:
        train, validation, test = (
            tuple(path for path, part in parts.items() if part == wanted)
            for wanted in ("train", "validation", "test")
        )
        return Fold(
            title=f"{self.title}: {turn}",
            leaks=self.leaks,
            train=train,
            validation=validation,
            test=test,
        )

    def _without(self, parts: dict[str, str], tested: str) -> Fold:
        return Fold(
            title=f"{self.title}: tested on {'fold ' if self.folds else ''}{tested}",
            leaks=self.leaks,
            train=tuple(path for path, part in parts.items() if part != tested),
            validation=(),
            test=tuple(path for path, part in parts.items() if part == tested),
            tested=tested,
        )


def folds_of(data_set: str) -> Protocol:
    """By subject, each fold tested once."""
    return Protocol(
        name=f"{data_set}-{_FOLDS}-fold",
        data_set=data_set,
        separates="subjects",
        after=f"{_FOLDS} folds",
        folds=_FOLDS,
    )


def _held_out(data_set: str) -> Protocol:
    return Protocol(
        name=data_set,
        data_set=data_set,
        separates="subjects",
        after="one held-out part",
        shares=held_out.SHARES,
    )


def _random(data_set: str, after: str, **shares: float) -> Protocol:
    numbers = "-".join(f"{share:g}" for share in shares.values())
    total = sum(shares.values())
    named: dict[Part, float] = msgspec.convert(shares, dict[Part, float])
    return Protocol(
        name=f"{data_set}-random-{numbers}",
        data_set=data_set,
        separates="recordings",
        after=after,
        shares={part: share / total for part, share in named.items()},
        seeds=_SEEDS,
    )


PROTOCOLS: tuple[Protocol, ...] = (
    _held_out("physionet2016"),
    folds_of("physionet2016"),
    Protocol(
        name="physionet2016-databases",
        data_set="physionet2016",
        separates="databases",
        after="one database left out",
    ),
    _random("physionet2016", "random 3:1:1 as work E", train=3, validation=1, test=1),
    _random("physionet2016", "random 4:1 as work B", train=4, test=1),
    _held_out("circor2022"),
    folds_of("circor2022"),
    _held_out("yaseen2018"),
    folds_of("yaseen2018"),
    _random("yaseen2018", "random 70/20/10 as work A", train=70, validation=20, test=10),
)


def with_validation(
    fold: Fold, recordings: Sequence[Recording], *, share: float = 0.15, seed: int = held_out.SEED
) -> Fold:
    """Take part of the training for validation, in the same honest or leaking way as the test."""
    train = set(fold.train)
    own = [recording for recording in recordings if recording.path in train]
    deal = dealing.by_recording if fold.leaks else dealing.by_subject
    parts = deal(own, {"train": 1 - share, "validation": share}, seed=seed)
    return msgspec.structs.replace(
        fold,
        train=tuple(path for path in fold.train if parts[path] == "train"),
        validation=tuple(path for path in fold.train if parts[path] == "validation"),
    )


def protocol_named(name: str) -> Protocol:
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    raise ValueError(f"{name!r} is not one of {', '.join(known.name for known in PROTOCOLS)}")
