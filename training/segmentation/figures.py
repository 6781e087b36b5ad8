"""What hearing recordings amounts to: shares, errors and F1, as one record that is printed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.heart import LEAST_CONFIDENCE
from training.segmentation.listening import TOLERANCES_S, Heard, counts, overlap, references_bpm
from training.segmentation.scoring import Counts

NEAR_BPM = 5.0
_SEED, _DRAWS = 1, 500

Floats = npt.NDArray[np.float64]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Heart rates of windows that have a marked one.

    A window without any rate counts as an answer that is not near; the error is the mean over the
    others. The interval is of 95 %, by subject.
    """

    windows: int
    refused: float
    near: float
    near_interval: tuple[float, float]
    mean_absolute_error_bpm: float


class Sounds(msgspec.Struct, frozen=True, kw_only=True):
    """F1 of S1 and S2 together, by tolerance in milliseconds, with a 95 % interval by subject."""

    recordings: int
    subjects: int
    f1: dict[str, tuple[float, float, float]]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One way of segmenting on some recordings.

    Attributes
    ----------
    rates
        `good windows`: all of good quality. `all windows`: those answered with a confidence of
        `LEAST_CONFIDENCE` among all, and the share refused.
    sounds
        By group: all, each data set, each database.
    agreement
        Share of the sounds in overlaps that both windows tell within a frame: `answered` where both
        are confident enough, `all` without regard to that.
    """

    title: str
    rates: dict[str, Rates]
    sounds: dict[str, Sounds]
    agreement: dict[str, float]


def figures(title: str, heard: Sequence[Heard]) -> Figures:
    by_data_set: defaultdict[str, list[Heard]] = defaultdict(list)
    by_database: defaultdict[str, list[Heard]] = defaultdict(list)
    for own in heard:
        by_data_set[own.data_set].append(own)
        by_database[f"{own.data_set} {own.recording.database}"].append(own)
    groups = {"all": list(heard), **dict(sorted(by_data_set.items()))}
    return Figures(
        title=title,
        rates={
            f"{kind} windows, {group}": rates(own, good=kind == "good")
            for group, own in groups.items()
            for kind in ("good", "all")
        },
        sounds={
            group: sounds(own)
            for group, own in (groups | dict(sorted(by_database.items()))).items()
        },
        agreement={
            "answered": _agreement(heard, LEAST_CONFIDENCE),
            "all": _agreement(heard, 0.0),
        },
    )


class Pairs(NamedTuple):
    """Marked rate, told rate and confidence of windows, and whose they are; shape (n,) each.

    Where there are no beats the told rate is NaN and the confidence 0.
    """

    marked_bpm: Floats
    told_bpm: Floats
    confidence: Floats
    subject: npt.NDArray[np.str_]


def rates(heard: Iterable[Heard], *, good: bool) -> Rates:
    """Of the good windows all, however unsure; or of all windows those answered."""
    own = pairs(heard, good=good)
    answered = (own.confidence >= 0) if good else (own.confidence >= LEAST_CONFIDENCE)
    if not answered.any():
        nothing = float("nan")
        return Rates(
            windows=len(answered),
            refused=1.0,
            near=nothing,
            near_interval=(nothing, nothing),
            mean_absolute_error_bpm=nothing,
        )
    apart_bpm = np.abs(own.told_bpm - own.marked_bpm)[answered]
    near = apart_bpm <= NEAR_BPM
    _, whose = np.unique(own.subject[answered], return_inverse=True)
    of_subjects = np.stack([np.bincount(whose, near), np.bincount(whose)], axis=1)
    return Rates(
        windows=len(answered),
        refused=float(1 - answered.mean()),
        near=float(np.mean(near)),
        near_interval=_interval(of_subjects, lambda total: total[0] / total[1]),
        mean_absolute_error_bpm=float(np.nanmean(apart_bpm)),
    )


def pairs(heard: Iterable[Heard], *, good: bool) -> Pairs:
    """Of every window that has a marked rate, or of those of good quality alone."""
    rows = [
        (marked_bpm, heart.rate_bpm if heart else np.nan, heart.confidence if heart else 0.0, whose)
        for own in heard
        for whose in [own.recording.subject]
        for marked_bpm, heart, verdict in zip(
            references_bpm(own).tolist(), own.hearts, own.verdicts, strict=True
        )
        if not np.isnan(marked_bpm) and (verdict == "good" or not good)
    ]
    marked, told, confidence, subject = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Pairs(
        np.array(marked, np.float64),
        np.array(told, np.float64),
        np.array(confidence, np.float64),
        np.array(subject, np.str_),
    )


def sounds(heard: Sequence[Heard]) -> Sounds:
    subjects = sorted({own.recording.subject for own in heard})
    f1 = {}
    for tolerance_s in TOLERANCES_S:
        of_subject = dict.fromkeys(subjects, Counts(0, 0, 0))
        for own in heard:
            of_subject[own.recording.subject] += counts(own, tolerance_s)
        every = np.array(list(of_subject.values()))
        total = Counts(*every.sum(axis=0).tolist())
        low, high = _interval(every, lambda drawn: Counts(*drawn.tolist()).f1)
        f1[f"{1000 * tolerance_s:.0f}"] = (total.f1, low, high)
    return Sounds(recordings=len(heard), subjects=len(subjects), f1=f1)


def _interval(
    of_subjects: npt.NDArray[np.number], figure: Callable[[npt.NDArray[np.number]], float]
) -> tuple[float, float]:
    """2.5 and 97.5 % of a figure of sums when whole subjects, the rows, are drawn anew."""
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(len(of_subjects), size=(_DRAWS, len(of_subjects)))
    draws = [figure(of_subjects[own].sum(axis=0)) for own in drawn]
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return float(low), float(high)


def _agreement(heard: Iterable[Heard], least_confidence: float) -> float:
    agree, total = np.sum([overlap(own, least_confidence) for own in heard], axis=0)
    return float(agree / total) if total else float("nan")
