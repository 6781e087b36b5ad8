"""What a window tells of the heart: its rate, its sounds, its intervals, its evenness.

From the probabilities that the segmentation's net gives and the window's sound; many windows go
through together and each comes out as if it were alone.
"""

import math

import numpy as np
import numpy.typing as npt

from models.cycle_energy import cycle_energy
from models.dsp import Floats
from models.envelope import frame_power
from models.heart_rate import FEWEST_FRAMES, beating, confidence, periods
from models.rhythm import Heart
from models.segmentation import FRAME_S, STATES, Segments, segment

LEAST_CONFIDENCE = 0.5  # of a rate that is told at all

_SILENCE = 1e-10  # power of full scale, as in models.dsp
_DIGITS = 3


def hear(
    windows: Floats,
    probabilities: Floats,
    *,
    heard_s: float = math.inf,
    least_confidence: float = LEAST_CONFIDENCE,
) -> list[Heart | None]:
    """What each window tells; None where its sound does not allow it.

    Parameters
    ----------
    windows
        Shape (n, samples), filtered, float32 of full scale 1.
    probabilities
        Shape (n, frames, states): what the model of task `segment` says of them.
    heard_s
        Of each window, behind which there is nothing but filling. Where that is less than two of
        the longest beats no rate can be told, and nothing is.
    least_confidence
        Below it nothing is told.

    Raises
    ------
    SignalError
        For other shapes.
    """
    hearts: list[Heart | None] = [None] * len(windows)
    beginning = _beginning(windows, probabilities, heard_s)
    if beginning is None:
        return hearts
    windows, probabilities = beginning
    power = frame_power(windows)
    heard = np.flatnonzero(power.mean(axis=1) > _SILENCE)
    if len(heard):
        found = _hearts(windows[heard], probabilities[heard], power[heard])
        for place, heart in zip(heard.tolist(), found, strict=True):
            if heart is not None and heart.confidence >= least_confidence:
                hearts[place] = heart
    return hearts


def _beginning(
    windows: Floats, probabilities: Floats, heard_s: float
) -> tuple[Floats, Floats] | None:
    """A decoder that hears the filling too finds beats in it."""
    frames = probabilities.shape[1]
    kept = 2 * int(min(heard_s / FRAME_S, frames) / 2)
    if kept < FEWEST_FRAMES:
        return None
    samples = windows.shape[1] * kept // frames
    return (
        np.ascontiguousarray(windows[:, :samples]),
        np.ascontiguousarray(probabilities[:, :kept]),
    )


def _hearts(windows: Floats, probabilities: Floats, power: Floats) -> list[Heart | None]:
    period = periods(probabilities, power)
    segments = segment(probabilities, period.rate_bpm)
    beats = beating(segments, probabilities.shape[1] * FRAME_S)
    sure = confidence(segments.agreement, period.strength, period.rate_bpm, beats)
    energy = cycle_energy(windows, segments.labels)
    s1_s, s2_s = (_middles(segments, kind) for kind in ("S1", "S2"))
    systole_s, diastole_s = (mean_s.tolist() for mean_s in _intervals(segments))
    irregularity = beats.irregularity.tolist()
    systole_db, diastole_db = energy.systole_db.tolist(), energy.diastole_db.tolist()
    return [
        Heart(
            rate_bpm=round(rate_bpm, _DIGITS),
            confidence=round(own, _DIGITS),
            s1_s=s1_s[k],
            s2_s=s2_s[k],
            systole_s=_number(systole_s[k]),
            diastole_s=_number(diastole_s[k]),
            irregularity=_number(irregularity[k]),
            murmur=energy.timing(k),
            systole_db=_number(systole_db[k]),
            diastole_db=_number(diastole_db[k]),
        )
        if not math.isnan(rate_bpm)
        else None
        for k, (rate_bpm, own) in enumerate(
            zip(beats.rate_bpm.tolist(), sure.tolist(), strict=True)
        )
    ]


def _middles(segments: Segments, kind: str) -> list[tuple[float, ...]]:
    """The middles of one sound that lie in the window."""
    window_s = segments.labels.shape[1] * FRAME_S
    middle_s = segments.middle_s
    chosen = segments.kind == STATES.index(kind)
    chosen &= (middle_s >= 0) & (middle_s < window_s)
    told = middle_s.round(_DIGITS)
    return [tuple(row[own].tolist()) for row, own in zip(told, chosen, strict=True)]


def _intervals(
    segments: Segments,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean length of systole, from S1's onset to S2's, and of diastole, of those wholly heard."""
    start_s = segments.start_s
    length_s = start_s[:, 2:] - start_s[:, :-2]
    kind = segments.kind
    whole = (start_s[:, :-2] > 0) & (kind[:, 2:] >= 0)
    means = []
    for sound in ("S1", "S2"):
        own = whole & (kind[:, :-2] == STATES.index(sound))
        total = np.cumsum(np.where(own, length_s, 0), axis=1)[:, -1]
        count = np.count_nonzero(own, axis=1)
        means.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    return means[0], means[1]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, _DIGITS)
