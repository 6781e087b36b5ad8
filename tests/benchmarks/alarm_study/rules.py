"""Which rules are tried on a finding, and a quick way to try many.

The quick way counts as the alarm machine does (`stream_processors.alarms.counts`) and leaves out
all that people and other conditions add; a test holds it to the machine.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.contract import PIPELINE_GRID
from stream_processors.alarms import counts
from stream_processors.alarms.conditions import Rule
from stream_processors.records import AlarmCount
from tests.benchmarks.alarm_study.hearing import Stream
from tests.benchmarks.alarm_study.people import STREAM_S

WITHIN_S = 60.0
K_OF_N = ((1, 1), (2, 3), (3, 4), (4, 6), (5, 6), (6, 8), (6, 10), (8, 10), (8, 12), (12, 16))
PROBABILITIES = tuple(hundredths / 100 for hundredths in range(30, 97, 3))
_CLEARS_BELOW = 0.4  # as the limits built in, and well below the limit to raise
_LEAST_HYSTERESIS = 0.1
LABEL = "abnormal"


class Point(NamedTuple):
    """A rule to try: `k` of `n` good windows at `probability` or more."""

    k: int
    n: int
    probability: float

    @property
    def rule(self) -> Rule:
        """Three quarters of the last two thirds clear, as 6 of 8 after 8 of 12."""
        clear_n = max(1, round(2 * self.n / 3))
        return Rule(self.k, self.n, max(1, round(3 * clear_n / 4)), clear_n)

    @property
    def clear_probability(self) -> float:
        return min(_CLEARS_BELOW, self.probability - _LEAST_HYSTERESIS)

    def __str__(self) -> str:
        return f"{self.k} of {self.n} at {self.probability:.2f}"


class Said(NamedTuple):
    """What a stream's good windows said of the finding: when each was whole, and how likely."""

    abnormal: bool
    noisy: bool
    at_s: tuple[float, ...]
    probability: tuple[float, ...]


class Measured(NamedTuple):
    """Of one rule: shares of people, alarms of normal ones per hour, delay of abnormal ones.

    `ring` is the share of normal people with any alarm, `in_time` that of abnormal ones with one
    within `WITHIN_S`; `delay_s` the median of those that had one at all.
    """

    point: Point
    ring_clean: float
    ring_noisy: float
    per_hour_clean: float
    per_hour_noisy: float
    in_time_clean: float
    in_time_noisy: float
    delay_s: float


def points() -> list[Point]:
    return [Point(*of, p) for of in K_OF_N for p in PROBABILITIES]


def said(stream: Stream) -> Said:
    good = [
        (told_after_s(index), window.findings[0].probabilities[LABEL])
        for index, window in enumerate(stream.windows)
        if window.quality.verdict == "good"
    ]
    at_s, probability = zip(*good, strict=True) if good else ((), ())
    return Said(stream.abnormal, stream.noisy, at_s, probability)


def told_after_s(index: int) -> float:
    """When a window is whole, in seconds from a stream's first sample."""
    return index * PIPELINE_GRID.hop_s + PIPELINE_GRID.window_s


def raised_s(of: Said, point: Point) -> tuple[float, ...]:
    """When the finding would have been raised."""
    rule, clears_at = point.rule, point.clear_probability
    raised: list[float] = []
    active = False
    count: AlarmCount | None = None
    for at_s, probability in zip(of.at_s, of.probability, strict=True):
        holds = True if probability >= point.probability else _against(probability, clears_at)
        count = counts.counted(count, holds, rule=rule, at_us=0)
        if active and counts.clears(count, rule):
            active, count = False, None
        elif not active and counts.raises(count, rule):
            active, count = True, None
            raised.append(at_s)
    return tuple(raised)


def _against(probability: float, clears_at: float) -> bool | None:
    return False if probability < clears_at else None


def measured(streams: Sequence[Said], point: Point) -> Measured:
    """Try a rule on all streams."""
    found: dict[tuple[bool, bool], list[tuple[float, ...]]] = {
        (abnormal, noisy): [] for abnormal in (False, True) for noisy in (False, True)
    }
    for stream in streams:
        found[stream.abnormal, stream.noisy].append(raised_s(stream, point))
    delays_s = [raised[0] for raised in found[True, False] if raised]
    return Measured(
        point,
        share([bool(raised) for raised in found[False, False]]),
        share([bool(raised) for raised in found[False, True]]),
        per_hour([len(raised) for raised in found[False, False]]),
        per_hour([len(raised) for raised in found[False, True]]),
        share([in_time(raised) for raised in found[True, False]]),
        share([in_time(raised) for raised in found[True, True]]),
        float(np.median(delays_s)) if delays_s else float("nan"),
    )


def in_time(raised: Sequence[float]) -> bool:
    return bool(raised) and raised[0] <= WITHIN_S


def share(of: Sequence[bool]) -> float:
    return float(np.mean(of)) if of else float("nan")


def per_hour(alarms: Sequence[int]) -> float:
    """Alarms per patient-hour, of so many alarms in each stream."""
    return float(np.mean(alarms)) * 3600 / STREAM_S if alarms else float("nan")
