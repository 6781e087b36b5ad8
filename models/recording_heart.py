"""What all windows of a recording tell of the heart together."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from models.contract import PIPELINE_GRID
from models.heart import LEAST_CONFIDENCE
from models.rhythm import Heart

_TWICE_S = 0.15  # two windows that tell of the same sound so near each other tell of one
_DIGITS = 3


class RecordingHeart(msgspec.Struct, frozen=True, kw_only=True):
    """The heart in a recording; times in seconds from its start.

    Attributes
    ----------
    rate_bpm, confidence
        Of the windows that tell one: the median, and the mean.
    """

    rate_bpm: float
    confidence: float
    s1_s: tuple[float, ...]
    s2_s: tuple[float, ...]


def whole(hearts: Sequence[Heart | None]) -> RecordingHeart | None:
    """Put windows together that follow each other on the pipeline's grid; None if none tells."""
    sure = [own if own and own.confidence >= LEAST_CONFIDENCE else None for own in hearts]
    told = [own for own in sure if own is not None]
    if not told:
        return None
    rates_bpm = sorted(own.rate_bpm for own in told)
    half = len(rates_bpm) // 2
    return RecordingHeart(
        rate_bpm=round((rates_bpm[half] + rates_bpm[-half - 1]) / 2, _DIGITS),
        confidence=round(sum(own.confidence for own in told) / len(told), _DIGITS),
        s1_s=sounds_s(sure, "S1"),
        s2_s=sounds_s(sure, "S2"),
    )


def sounds_s(hearts: Sequence[Heart | None], kind: Literal["S1", "S2"]) -> tuple[float, ...]:
    """All sounds of one kind, each as told by the window in whose middle half it lies.

    Where a neighbour tells nothing, the whole window counts.
    """
    hop_s, window_s = PIPELINE_GRID.hop_s, PIPELINE_GRID.window_s
    told: list[tuple[float, float]] = []
    for number, heart in enumerate(hearts):
        if heart is None:
            continue
        before = number > 0 and hearts[number - 1] is not None
        after = number + 1 < len(hearts) and hearts[number + 1] is not None
        low_s = hop_s / 2 - _TWICE_S if before else 0.0
        high_s = window_s - hop_s / 2 + _TWICE_S if after else window_s
        own_s = heart.s1_s if kind == "S1" else heart.s2_s
        told += [
            (number * hop_s + at_s, abs(at_s - window_s / 2))
            for at_s in own_s
            if low_s <= at_s < high_s
        ]
    return _without_repetition(sorted(told))


def _without_repetition(told: list[tuple[float, float]]) -> tuple[float, ...]:
    """Of the same sound the time that is nearer to its window's middle."""
    kept: list[tuple[float, float]] = []
    for at_s, from_middle_s in told:
        if kept and at_s - kept[-1][0] < _TWICE_S:
            if from_middle_s < kept[-1][1]:
                kept[-1] = (at_s, from_middle_s)
        else:
            kept.append((at_s, from_middle_s))
    return tuple(round(at_s, _DIGITS) for at_s, _ in kept)
