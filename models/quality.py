"""How far a window's sound can be trusted: a score, a verdict and the reasons in plain words.

The score is the probability that an annotator would call the sound good, by the learnt model of
`models.quality_model`. What no model need judge holds it down: missing, clipped or flat sound, no
sound at all, almost all of it outside the band. Each such fault is harmless up to one amount and
ruinous from another, linear in between; the worst one counts.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.envelope import ENVELOPE_RATE_HZ
from models.quality_indices import Levels, indices
from models.quality_model import Additive, QualityModel, shipped
from models.verdict import GOOD_FROM, Assessment, verdict_of

_FLOOR = 1e-12  # power of full scale: below every converter's own noise
_TWO_BEATS_S = 2.0  # at 60 a minute; a heart is told by what comes again
_CAUSED_FROM = 0.5
_MOST_REASONS = 3

NO_SOUND = "no contact: there is no sound, is the sensor on the skin?"
NO_HEART = "no periodic heart sound"
_COVERED = "a steady noise covers the beats"
_KNOCKED = "movement or rubbing: a knock is far louder than the beats"
_WORDS = {
    "periodicity": NO_HEART,
    "log_periodicity": NO_HEART,
    "low_band_periodicity": NO_HEART,
    "mid_band_periodicity": NO_HEART,
    "low_mid_agreement": NO_HEART,
    "mid_high_agreement": NO_HEART,
    "contrast_db": _COVERED,
    "spread_db": _COVERED,
    "knock_db": _KNOCKED,
    "kurtosis": _COVERED,
    "slow_share": "movement or rubbing",
    "spectral_entropy": "the sound's pitch is not that of a heart",
    "low_share_db": "the sound's pitch is not that of a heart",
    "high_share_db": "the sound's pitch is not that of a heart",
}

Numbers = npt.NDArray[np.float64]


class _Fault(NamedTuple):
    """`amount` of something bad in each window, shape (n,).

    Harmless up to one bound, ruinous from the other; `words` may show the amount.
    """

    amount: Numbers
    harmless: float
    ruinous: float
    words: str

    @property
    def score(self) -> Numbers:
        return np.clip((self.ruinous - self.amount) / (self.ruinous - self.harmless), 0, 1)


def assess(
    windows: Levels,
    gap_fraction: npt.ArrayLike,
    *,
    around: Levels | None = None,
    model: QualityModel | None = None,
) -> tuple[Assessment, ...]:
    """Judge windows; a pure function of each, whatever the others are.

    Parameters
    ----------
    windows
        What was measured of each (`models.quality_indices`).
    gap_fraction
        Shape (n,): the share of each that never came.
    around
        What was measured of the 5 s around each, where the windows are shorter than that: there
        the model looks for a heart.
    model
        Another than the shipped one.
    """
    model = model or shipped()
    gaps = np.asarray(gap_fraction, np.float64)
    looked_at = windows if around is None else around
    found = indices(looked_at)
    parts = model.good.parts(found)
    faults = (_shortness(looked_at), *_faults(windows, gaps))
    silent = _silent(windows, gaps)
    by_model = model.good.probability(parts)
    scores = np.minimum.reduce([by_model, *(fault.score for fault in faults)])
    scores = np.where(silent, 0.0, scores).round(3)
    reasons: list[tuple[str, ...]] = [()] * len(scores)
    wanting = np.flatnonzero(scores < GOOD_FROM)
    for number, why in zip(
        wanting, _reasons(model, found[wanting], parts[wanting], by_model[wanting]), strict=True
    ):
        told = (NO_SOUND,) if silent[number] else (*_fault_words(faults, number), *why)
        reasons[number] = tuple(dict.fromkeys(told))[:_MOST_REASONS]
    return tuple(
        Assessment(score=score, verdict=verdict_of(score), reasons=why)
        for score, why in zip(scores.tolist(), reasons, strict=True)
    )


def overall(assessments: Sequence[Assessment]) -> Assessment:
    """What a whole recording is worth: the mean score of its windows, and their common reasons.

    A reason counts that a quarter of the windows have; the commonest come first. A recording that
    is not good has at least the commonest one.
    """
    score = round(sum(each.score for each in assessments) / len(assessments), 3)
    verdict = verdict_of(score)
    if verdict == "good":
        return Assessment(score=score, verdict=verdict, reasons=())
    said: defaultdict[str, list[str]] = defaultdict(list)
    for each in assessments:
        for reason in each.reasons:
            said[_kind(reason)].append(reason)
    ranked = sorted(said, key=lambda kind: -len(said[kind]))[:_MOST_REASONS]
    common = [kind for kind in ranked if 4 * len(said[kind]) >= len(assessments)] or ranked[:1]
    reasons = tuple(said[kind][0] if len(set(said[kind])) == 1 else kind for kind in common)
    return Assessment(score=score, verdict=verdict, reasons=reasons)


def _kind(reason: str) -> str:
    """Without the amount, which differs from window to window."""
    return re.split(r": | \(", reason, maxsplit=1)[0]


def _faults(windows: Levels, gaps: Numbers) -> tuple[_Fault, ...]:
    clipped, flat = windows.shares.T
    band_db = _db(windows.power.mean(axis=1))
    outside_db = _db(windows.moments[:, 0]) - band_db
    spread_db, knock_db = _loudness_db(windows.power)
    return (
        _Fault(gaps, 0.02, 0.45, "gap: {:.0%} of the sound is missing"),
        _Fault(clipped, 0.005, 0.05, "clipping: {:.1%} of the sound is clipped"),
        _Fault(
            np.maximum(0, flat - gaps), 0.1, 0.55, "no contact: no signal for {:.0%} of the time"
        ),
        _Fault(-band_db, 60, 75, "the heart is hardly audible (-{:.0f} dB)"),
        _Fault(outside_db, 15, 30, "almost all of the sound lies outside 25-400 Hz"),
        _Fault(-spread_db, -6, -3, _COVERED),
        _Fault(knock_db, 15, 27, _KNOCKED),
    )


def _shortness(looked_at: Levels) -> _Fault:
    count, frames = looked_at.power.shape
    missing_s = _TWO_BEATS_S - frames / ENVELOPE_RATE_HZ
    return _Fault(
        np.full(count, missing_s), 0.0, 1.2, "too short: {:.1f} s more are needed to hear two beats"
    )


def _loudness_db(power: npt.NDArray[np.float32]) -> tuple[Numbers, Numbers]:
    """From the quiet fifth of the frames to the loud 3 %, and from those to the loudest.

    Even of a slow heart the beats fill 3 %, so what is far above is no beat.
    """
    ordered = np.sort(power, axis=1)
    last = power.shape[1] - 1
    quiet, loud, loudest = (_db(ordered[:, int(share * last)]) for share in (0.2, 0.97, 1))
    return loud - quiet, loudest - loud


def _fault_words(faults: Sequence[_Fault], number: np.intp) -> list[str]:
    """The worst first."""
    told = [(fault.score[number], fault) for fault in faults if fault.score[number] < GOOD_FROM]
    told.sort(key=lambda pair: float(pair[0]))
    return [fault.words.format(fault.amount[number]) for _, fault in told]


def _silent(windows: Levels, gaps: Numbers) -> npt.NDArray[np.bool_]:
    flat = windows.shares[:, 1] >= 1
    silent: npt.NDArray[np.bool_] = flat | (windows.power.mean(axis=1) <= _FLOOR) | (gaps >= 1)
    return silent


def _reasons(
    model: QualityModel, found: Numbers, parts: Numbers, by_model: Numbers
) -> list[list[str]]:
    """What the model holds against each window: a known cause, and what it misses most."""
    causes = [(words, _likely(cause, found)) for words, cause in model.causes.items()]
    groups = _by_words(model.good, parts)
    reasons = []
    for number, score in enumerate(by_model.tolist()):
        told: list[str] = []
        if score < GOOD_FROM:
            told += [words for words, likely in causes if likely[number] >= _CAUSED_FROM]
            told.append(min(groups, key=lambda words: groups[words][number]))
        reasons.append(list(dict.fromkeys(told)))
    return reasons


def _likely(cause: Additive, found: Numbers) -> Numbers:
    return cause.probability(cause.parts(found))


def _by_words(good: Additive, parts: Numbers) -> dict[str, Numbers]:
    groups: dict[str, Numbers] = {}
    for curve, column in zip(good.curves, parts.T, strict=True):
        words = _WORDS[curve.index]
        groups[words] = groups.get(words, np.zeros(len(parts))) + column
    return groups


def _db(power: npt.NDArray[np.floating]) -> Numbers:
    return 10 * np.log10(np.maximum(power.astype(np.float64), _FLOOR))
