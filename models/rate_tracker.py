"""A heart's rate over many windows: smoothed, and not believed to change faster than hearts do.

The state is one frozen record (`models.rhythm.TrackedRate`) and a step gives the next one, so a
snapshot is the state itself and a replay of the same windows gives the same rates.
"""

import math

import msgspec

from models.errors import SignalError
from models.rhythm import LEAST_BPM, MOST_BPM, UNKNOWN, TrackedRate

_CHANGE_PER_S = 0.03  # of the rate, within which a heart may speed up or slow down
_MOST_CHANGE = 0.25  # of the rate, however long ago it was agreed on
_TOLERANCE = 0.08  # of the rate: two windows of a steady heart differ by less
_MULTIPLES = (2.0, 0.5)  # a window that took every sound, or every other beat, for a beat
_AGREEING = 3  # windows in a row that tell of another rate before it is believed
_AGREEING_MULTIPLE = 6  # the same, of twice or half the rate
_FORGOTTEN_S = 30.0
_FADES_S = 15.0  # time in which confidence falls to a third while no window agrees
_MEMORY = 1.0  # windows of full confidence that the past weighs at most


def tracked(
    known: TrackedRate, at_s: float, rate_bpm: float | None, confidence: float
) -> TrackedRate:
    """Take in one window.

    Parameters
    ----------
    at_s
        Time of the window in seconds; one that is not later than the last changes nothing.
    rate_bpm, confidence
        What the window says; None where its sound does not allow it.

    Raises
    ------
    SignalError
        For a rate that no heart has, or a confidence that is not 0 to 1.
    """
    _check(rate_bpm, confidence)
    if at_s <= known.seen_s:
        return known
    silent_s = at_s - known.at_s
    if silent_s > _FORGOTTEN_S:
        known = UNKNOWN
    if rate_bpm is None or confidence == 0:
        return known
    if known.rate_bpm is None:
        return _begun(at_s, rate_bpm, confidence)
    allowed = _TOLERANCE + min(_CHANGE_PER_S * silent_s, _MOST_CHANGE)
    if _apart(rate_bpm, known.rate_bpm) <= allowed:
        return _followed(known, at_s, rate_bpm, confidence)
    return _doubted(known, at_s, rate_bpm, confidence)


def confidence_at(known: TrackedRate, at_s: float) -> float:
    """How sure the rate still is at a later time."""
    if known.rate_bpm is None or at_s - known.at_s > _FORGOTTEN_S:
        return 0.0
    return known.confidence * math.exp(-max(0.0, at_s - known.at_s) / _FADES_S)


def _begun(at_s: float, rate_bpm: float, confidence: float) -> TrackedRate:
    return TrackedRate(
        rate_bpm=rate_bpm, confidence=confidence, at_s=at_s, seen_s=at_s, weight=confidence
    )


def _followed(known: TrackedRate, at_s: float, rate_bpm: float, confidence: float) -> TrackedRate:
    """The mean of old and new in logarithms, by their weights."""
    past_bpm = known.rate_bpm or rate_bpm
    weight = min(known.weight, _MEMORY)
    share = confidence / (weight + confidence)
    return TrackedRate(
        rate_bpm=past_bpm * (rate_bpm / past_bpm) ** share,
        confidence=max(confidence, confidence_at(known, at_s)),
        at_s=at_s,
        seen_s=at_s,
        weight=weight + confidence,
    )


def _doubted(known: TrackedRate, at_s: float, rate_bpm: float, confidence: float) -> TrackedRate:
    """Keep to what is known until enough windows in a row tell the same other rate."""
    again = known.others > 0 and _apart(rate_bpm, known.other_bpm) <= _TOLERANCE
    others = known.others + 1 if again else 1
    past_bpm = known.rate_bpm or rate_bpm
    multiple = min(_apart(rate_bpm, past_bpm * factor) for factor in _MULTIPLES) <= _TOLERANCE
    if others >= (_AGREEING_MULTIPLE if multiple else _AGREEING):
        return _begun(at_s, rate_bpm, confidence)
    return msgspec.structs.replace(known, seen_s=at_s, other_bpm=rate_bpm, others=others)


def _apart(one_bpm: float, other_bpm: float) -> float:
    return abs(math.log(one_bpm / other_bpm))


def _check(rate_bpm: float | None, confidence: float) -> None:
    if rate_bpm is not None and not LEAST_BPM <= rate_bpm <= MOST_BPM:
        raise SignalError(
            f"a heart rate of {rate_bpm} bpm: hearts beat {LEAST_BPM:g} to {MOST_BPM:g} times "
            "a minute"
        )
    if not 0 <= confidence <= 1:
        raise SignalError(f"a confidence of {confidence}: give 0 to 1")
