"""What the chosen rule does to people who neither trained the model nor chose the rule."""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from tests.benchmarks.alarm_study.choice import MOST_RING_CLEAN
from tests.benchmarks.alarm_study.hearing import Stream
from tests.benchmarks.alarm_study.rules import Said, in_time, per_hour, share
from tests.benchmarks.alarm_study.ward import Raised

DRAWS = 2000
_SEED = 5
_NEVER = -99.0

Times = Sequence[float]


class Bounded(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval from drawing whole subjects anew."""

    value: float
    low: float
    high: float


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Streams of one kind of people, clean or noisy, and the physiological alarms in them.

    `ring` and `per_hour` leave out rates that the annotators' marks bear out; `ring_at_all` does
    not. `by_condition` counts the people who had an alarm of each condition, technical ones too.
    `in_time_by_what_they_have` has how many of how many were alarmed in time.
    """

    people: int
    good_windows: float
    ring: Bounded
    ring_at_all: float
    per_hour: Bounded
    in_time: Bounded
    by_finding_in_time: Bounded
    delay_s: float
    by_condition: dict[str, int]
    in_time_by_what_they_have: dict[str, tuple[int, int]]


def group(streams: Sequence[Stream], raised: Sequence[Sequence[Raised]]) -> Group:
    alarms = [[it.at_s for it in own if it.kind == "physiological"] for own in raised]
    wrong = [
        [it.at_s for it in own if it.kind == "physiological" and not it.is_right] for own in raised
    ]
    findings = [[it.at_s for it in own if it.condition == "finding"] for own in raised]
    first_s = [own[0] for own in alarms if own]
    return Group(
        people=len(streams),
        good_windows=share([w.quality.verdict == "good" for s in streams for w in s.windows]),
        ring=bounded(wrong, _share_that_rings),
        ring_at_all=_share_that_rings(alarms),
        per_hour=bounded(wrong, lambda own: per_hour([len(times) for times in own])),
        in_time=bounded(alarms, _share_in_time),
        by_finding_in_time=bounded(findings, _share_in_time),
        delay_s=float(np.median(first_s)) if first_s else float("nan"),
        by_condition=dict(Counter(name for own in raised for name in {it.condition for it in own})),
        in_time_by_what_they_have=_by_what_they_have(streams, alarms),
    )


def ceiling(streams: Sequence[Said]) -> float:
    """Share of abnormal people whom any rule on the probabilities' mean could tell.

    The mean is that of the log-odds of all good windows of the ten minutes; the limit leaves
    `MOST_RING_CLEAN` of the normal people above it. Who has no good window counts as normal.
    """
    means = {
        abnormal: [_mean_log_odds(it) for it in streams if it.abnormal is abnormal]
        for abnormal in (False, True)
    }
    limit = np.quantile(means[False], 1 - MOST_RING_CLEAN)
    return share([bool(mean > limit) for mean in means[True]])


def _mean_log_odds(of: Said) -> float:
    if not of.probability:
        return _NEVER
    likely = np.clip(of.probability, 1e-6, 1 - 1e-6)
    return float(np.mean(np.log(likely / (1 - likely))))


def bounded(of: Sequence[Times], measure: Callable[[Sequence[Times]], float]) -> Bounded:
    """Each stream is one subject, so subjects are drawn by drawing streams."""
    draw = np.random.default_rng(_SEED)
    drawn = draw.integers(len(of), size=(DRAWS, len(of)))
    values = [measure([of[k] for k in row]) for row in drawn.tolist()]
    low, high = np.percentile(values, [2.5, 97.5])
    return Bounded(measure(of), float(low), float(high))


def _by_what_they_have(
    streams: Sequence[Stream], alarms: Sequence[Times]
) -> dict[str, tuple[int, int]]:
    everyone = Counter(stream.has for stream in streams)
    told = Counter(stream.has for stream, own in zip(streams, alarms, strict=True) if in_time(own))
    return {has: (told[has], everyone[has]) for has in sorted(everyone)}


def _share_that_rings(of: Sequence[Times]) -> float:
    return share([bool(times) for times in of])


def _share_in_time(of: Sequence[Times]) -> float:
    return share([in_time(times) for times in of])
