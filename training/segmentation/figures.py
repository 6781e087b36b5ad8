"""What hearing recordings amounts to: shares, errors and F1, as one record that is printed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

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
    others.
    """

    windows: int
    refused: float
    near: float
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


def rates(heard: Iterable[Heard], *, good: bool) -> Rates:
    """Of the good windows all, however unsure; or of all windows those answered."""
    marked_bpm, told_bpm, confidence = pairs(heard, good=good)
    answered = (confidence >= 0) if good else (confidence >= LEAST_CONFIDENCE)
    apart_bpm = np.abs(told_bpm - marked_bpm)[answered]
    return Rates(
        windows=len(marked_bpm),
        refused=float(1 - answered.mean()),
        near=float(np.mean(apart_bpm <= NEAR_BPM)),
        mean_absolute_error_bpm=float(np.nanmean(apart_bpm)),
    )


def pairs(heard: Iterable[Heard], *, good: bool) -> tuple[Floats, Floats, Floats]:
    """Marked rate, told rate and confidence of each window that has a marked one, shape (n,).

    Where there are no beats the rate is NaN and the confidence 0.
    """
    rows = [
        (marked_bpm, *((heart.rate_bpm, heart.confidence) if heart else (np.nan, 0.0)))
        for own in heard
        for marked_bpm, heart, verdict in zip(
            references_bpm(own).tolist(), own.hearts, own.verdicts, strict=True
        )
        if not np.isnan(marked_bpm) and (verdict == "good" or not good)
    ]
    marked, told, confidence = np.array(rows, np.float64).reshape(-1, 3).T
    return marked, told, confidence


def sounds(heard: Sequence[Heard]) -> Sounds:
    subjects = sorted({own.recording.subject for own in heard})
    f1 = {}
    for tolerance_s in TOLERANCES_S:
        of_subject = dict.fromkeys(subjects, Counts(0, 0, 0))
        for own in heard:
            of_subject[own.recording.subject] += counts(own, tolerance_s)
        f1[f"{1000 * tolerance_s:.0f}"] = _with_interval(np.array(list(of_subject.values())))
    return Sounds(recordings=len(heard), subjects=len(subjects), f1=f1)


def _with_interval(of_subjects: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """F1, and its 2.5 and 97.5 % when whole subjects are drawn anew; shape (subjects, 3)."""
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(len(of_subjects), size=(_DRAWS, len(of_subjects)))
    draws = [Counts(*of_subjects[own].sum(axis=0).tolist()).f1 for own in drawn]
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return Counts(*of_subjects.sum(axis=0).tolist()).f1, float(low), float(high)


def _agreement(heard: Iterable[Heard], least_confidence: float) -> float:
    agree, total = np.sum([overlap(own, least_confidence) for own in heard], axis=0)
    return float(agree / total) if total else float("nan")
