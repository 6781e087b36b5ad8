"""A second look at windows whose heart may be too fast for the net: the same sound, slowed down.

The net has hardly heard hearts beyond 160 bpm; of faster ones it misses beats, and tells nothing or
half the rate. Slowed by half, 200 beats a minute are 133 to it. Two stretches cover a window, and
only where both tell the same fast rate is it believed.
"""

import math
from collections.abc import Callable

import numpy as np

from models.contract import PIPELINE_GRID
from models.dsp import Floats
from models.envelope import frame_power
from models.heart import LEAST_CONFIDENCE, hear
from models.heart_rate import FEWEST_FRAMES, periods
from models.resample import Resampler
from models.rhythm import MOST_BPM, Heart
from models.segmentation import FRAME_S

Predict = Callable[[Floats], Floats]

_SLOWER = 1.5
_DOUBTFUL = 0.93  # of a first look's confidence, below which there is a second
_FAST_BPM = 165.0  # what is slower the first look knows better
_AGREEING = 0.08  # of the rate, between the two stretches
_ROUNDING = 0.03  # of the highest rate: frames are no finer
_SEAM_S = 0.05  # one sound told by both stretches, at most so far apart
_DIGITS = 3

_RATE_HZ = PIPELINE_GRID.sample_rate_hz
_slow = Resampler(_RATE_HZ, round(_RATE_HZ * _SLOWER))


def hear_fast_too(
    windows: Floats,
    predict: Predict,
    *,
    heard_s: float = math.inf,
    least_confidence: float = LEAST_CONFIDENCE,
) -> list[Heart | None]:
    """What each window tells, as `models.heart.hear`, of hearts up to `MOST_BPM`.

    Parameters
    ----------
    windows
        Shape (n, samples), filtered, float32 of full scale 1, on the pipeline's grid.
    predict
        The model of task `segment`.
    heard_s
        Of each window, behind which there is nothing but filling.
    least_confidence
        Below it nothing is told.
    """
    hearts = hear(windows, predict(windows), heard_s=heard_s, least_confidence=0.0)
    doubtful = [k for k, heart in enumerate(hearts) if _is_doubtful(heart)]
    if doubtful and heard_s >= FEWEST_FRAMES * FRAME_S:
        heard = round(min(heard_s * _RATE_HZ, windows.shape[1]))
        for k, fast in zip(doubtful, _second_look(windows[doubtful], heard, predict), strict=True):
            hearts[k] = fast or hearts[k]
    return [own if own and own.confidence >= least_confidence else None for own in hearts]


def _is_doubtful(heart: Heart | None) -> bool:
    return heart is None or heart.confidence < _DOUBTFUL


def _second_look(windows: Floats, heard: int, predict: Predict) -> list[Heart | None]:
    """The fast heart in the first `heard` samples of each window, if there is one.

    Sounds are looked for only where something repeats itself so fast: that costs most.
    """
    number, samples = windows.shape
    stretch = _stretch(samples)
    parts = np.concatenate([windows[:, :stretch], windows[:, heard - stretch : heard]])
    slowed = np.ascontiguousarray(_slow(parts)[:, :samples])
    probabilities = predict(slowed)
    repeated_bpm = _SLOWER * periods(probabilities, frame_power(slowed)).rate_bpm
    likely = (repeated_bpm >= (1 - _AGREEING) * _FAST_BPM).reshape(2, number).all(axis=0)
    hearts: list[Heart | None] = [None] * number
    places = np.flatnonzero(likely)
    if len(places):
        chosen = np.concatenate([places, places + number])
        told = hear(slowed[chosen], probabilities[chosen])
        both = zip(told[: len(places)], told[len(places) :], strict=True)
        for place, (early, late) in zip(places.tolist(), both, strict=True):
            hearts[place] = _of_both(early, late, heard, heard - stretch)
    return hearts


def _stretch(samples: int) -> int:
    """How many samples slowed fill a window."""
    return math.ceil(samples / _SLOWER / _slow.turn) * _slow.turn


def _of_both(early: Heart | None, late: Heart | None, heard: int, began: int) -> Heart | None:
    """The fast heart that both stretches tell; the late one began at sample `began` of `heard`."""
    if early is None or late is None:
        return None
    rate_bpm = _SLOWER * math.sqrt(early.rate_bpm * late.rate_bpm)
    apart = abs(math.log(early.rate_bpm / late.rate_bpm))
    if apart > _AGREEING or not _FAST_BPM <= rate_bpm <= MOST_BPM * (1 + _ROUNDING):
        return None
    middle_s, began_s = heard / _RATE_HZ / 2, began / _RATE_HZ
    return Heart(
        rate_bpm=round(min(rate_bpm, MOST_BPM), _DIGITS),
        confidence=min(early.confidence, late.confidence),
        s1_s=_joined(_in_time(early.s1_s, 0.0), _in_time(late.s1_s, began_s), middle_s),
        s2_s=_joined(_in_time(early.s2_s, 0.0), _in_time(late.s2_s, began_s), middle_s),
        systole_s=_mean(early.systole_s, late.systole_s, slowed=_SLOWER),
        diastole_s=_mean(early.diastole_s, late.diastole_s, slowed=_SLOWER),
        irregularity=_mean(early.irregularity, late.irregularity),
        murmur=early.murmur if early.murmur == late.murmur else None,
        systole_db=_mean(early.systole_db, late.systole_db),
        diastole_db=_mean(early.diastole_db, late.diastole_db),
    )


def _in_time(slowed_s: tuple[float, ...], began_s: float) -> list[float]:
    """Times in the window, of a stretch that was slowed and delayed by the resampling."""
    times_s = [began_s + at_s / _SLOWER - _slow.delay_s for at_s in slowed_s]
    return [round(at_s, _DIGITS) for at_s in times_s if at_s >= 0]


def _joined(early_s: list[float], late_s: list[float], middle_s: float) -> tuple[float, ...]:
    """Each sound as told by the stretch in whose half of the window it lies."""
    first_half = [at_s for at_s in early_s if at_s < middle_s + _SEAM_S]
    after_s = max((*first_half, middle_s - 2 * _SEAM_S)) + _SEAM_S
    return (*first_half, *(at_s for at_s in late_s if at_s > after_s))


def _mean(early: float | None, late: float | None, *, slowed: float = 1.0) -> float | None:
    if early is None or late is None:
        return None
    return round((early + late) / 2 / slowed, _DIGITS)
