"""What is in a data set: counts, durations, people, and how its classes and databases sound."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import signal

from training.datasets.recordings import DataSet, Recording
from training.progress import tracked

Floats = npt.NDArray[np.floating]

BANDS_HZ = ((25, 50), (50, 100), (100, 200), (200, 400), (400, 800))
GRID_HZ = 2.0
TOP_HZ = 800.0
_SILENCE = 1e-9
_PER_CELL = 40  # recordings of each label in each database: more moves no curve visibly
_HEARD_S = 20.0
_SEED = 1
_Value = TypeVar("_Value", str, int)


class Durations(msgspec.Struct, frozen=True):
    total_h: float
    shortest_s: float
    median_s: float
    longest_s: float


class Group(msgspec.Struct, frozen=True):
    """The recordings of one label or of one database.

    Attributes
    ----------
    band_db
        Mean share of a recording's power in each of `BANDS_HZ`, in decibels, -90 where there is
        none; no list where the sound was not read.
    """

    recordings: int
    subjects: int
    labels: dict[str, int]
    band_db: list[float] | None


class Description(msgspec.Struct, frozen=True):
    """The shape of ``heartward data describe --json``; what nobody says is an empty table."""

    name: str
    folder: str
    recordings: int
    subjects: int
    most_of_one_subject: int
    unclear: int
    durations: Durations
    rates_hz: dict[int, int]
    labels: dict[str, Group]
    databases: dict[str, Group]
    sites: dict[str, int]
    age_groups: dict[str, int]
    sexes: dict[str, int]
    murmur_grades: dict[str, int]
    diagnoses: dict[str, int]
    bands_hz: tuple[tuple[int, int], ...] = BANDS_HZ


class Spectra(msgspec.Struct, frozen=True):
    """Power spectra of a seeded choice of recordings.

    Attributes
    ----------
    recordings
        Those heard.
    power
        Shape (recordings, bins of `GRID_HZ` from 0 to `TOP_HZ`): the share of a recording's
        power from 25 Hz on, per bin; NaN above half its rate.
    """

    recordings: tuple[Recording, ...]
    power: Floats

    def of(self, chosen: Callable[[Recording], bool]) -> Floats:
        return self.power[[chosen(recording) for recording in self.recordings]]


def listen(data: DataSet) -> Spectra:
    """Spectra of some recordings of every label in every database."""
    cells: dict[tuple[str, ...], list[Recording]] = defaultdict(list)
    for recording in data.recordings:
        cells[recording.database, *recording.labels].append(recording)
    draw = random.Random(_SEED)  # noqa: S311 (repetition, not secrecy)
    chosen = [
        recording
        for _, cell in sorted(cells.items())
        for recording in draw.sample(cell, min(_PER_CELL, len(cell)))
    ]
    heard = tracked(chosen, f"listening to {data.name}")
    return Spectra(tuple(chosen), np.array([spectrum(*data.read(each)) for each in heard]))


def spectrum(samples: npt.NDArray[np.int16], sample_rate_hz: int) -> Floats:
    """Share of the power in each bin; the loudness, which the sensor sets, is taken out."""
    power = np.full(round(TOP_HZ / GRID_HZ) + 1, np.nan)
    middle = max(0, len(samples) // 2 - round(_HEARD_S * sample_rate_hz / 2))
    heard = samples[middle : middle + round(_HEARD_S * sample_rate_hz)].astype(float)
    segment = round(sample_rate_hz / GRID_HZ)
    if len(heard) < segment:
        heard = np.pad(heard, (0, segment - len(heard)))
    found = signal.welch(heard, sample_rate_hz, nperseg=segment)[1][: len(power)]
    lowest = round(BANDS_HZ[0][0] / GRID_HZ)
    power[: len(found)] = found / max(found[lowest:].sum(), _SILENCE)
    return power


def decibels(power: Floats) -> Floats:
    """Mean over recordings of the level in each bin, in decibels; NaN above all their rates."""
    level_db = 10 * np.log10(power + _SILENCE)
    heard = np.isfinite(level_db).sum(axis=0)
    mean_db = np.full(power.shape[1], np.nan)
    np.divide(np.nansum(level_db, axis=0), heard, out=mean_db, where=heard > 0)
    return mean_db


def describe(data: DataSet, spectra: Spectra | None = None) -> Description:
    recordings = data.recordings
    of_subject = Counter(recording.subject for recording in recordings)
    labels = sorted({label for each in recordings for label in each.labels}, key=_normal_first)
    databases = sorted({recording.database for recording in recordings})
    return Description(
        name=data.name,
        folder=str(data.folder),
        recordings=len(recordings),
        subjects=len(of_subject),
        most_of_one_subject=max(of_subject.values(), default=0),
        unclear=sum(not recording.clear for recording in recordings),
        durations=_durations(recordings),
        rates_hz=_counted(recording.sample_rate_hz for recording in recordings),
        labels={name: _group(recordings, spectra, has_label(name)) for name in labels},
        databases={name: _group(recordings, spectra, is_from(name)) for name in databases},
        sites=_counted(recording.site for recording in recordings),
        age_groups=_counted(recording.age_group for recording in recordings),
        sexes=_counted(recording.sex for recording in recordings),
        murmur_grades=_counted(recording.murmur_grade for recording in recordings),
        diagnoses=_counted(recording.diagnosis for recording in recordings),
    )


def has_label(label: str) -> Callable[[Recording], bool]:
    return lambda recording: label in recording.labels


def is_from(database: str) -> Callable[[Recording], bool]:
    return lambda recording: recording.database == database


def _normal_first(label: str) -> tuple[bool, str]:
    return label not in {"normal", "N"}, label


def _group(
    recordings: Sequence[Recording], spectra: Spectra | None, chosen: Callable[[Recording], bool]
) -> Group:
    own = [recording for recording in recordings if chosen(recording)]
    return Group(
        recordings=len(own),
        subjects=len({recording.subject for recording in own}),
        labels=_counted(label for recording in own for label in recording.labels),
        band_db=None if spectra is None else _bands(spectra.of(chosen)),
    )


def _bands(power: Floats) -> list[float]:
    edges = [(round(low / GRID_HZ), round(high / GRID_HZ)) for low, high in BANDS_HZ]
    shares = np.stack([np.nansum(power[:, low:high], axis=1) for low, high in edges], axis=1)
    return [round(float(level), 1) for level in np.mean(10 * np.log10(shares + _SILENCE), axis=0)]


def _durations(recordings: Iterable[Recording]) -> Durations:
    found = np.array([each.duration_s for each in recordings if each.duration_s is not None])
    if not len(found):
        return Durations(0.0, 0.0, 0.0, 0.0)
    return Durations(
        total_h=round(float(found.sum()) / 3600, 2),
        shortest_s=round(float(found.min()), 2),
        median_s=round(float(np.median(found)), 2),
        longest_s=round(float(found.max()), 2),
    )


def _counted(values: Iterable[_Value | None]) -> dict[_Value, int]:
    """How many of each, the many first."""
    counts = Counter(value for value in values if value is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))))
