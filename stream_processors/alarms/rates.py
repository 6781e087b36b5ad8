"""The heart rate that alarms go by: followed over windows, for one window may be wrong.

Who follows a rate remembers, and an audio worker must not: its results are functions of their
sound alone. So the rate is followed where states are kept anyway, in the state of the alarms.
"""

import math
from collections.abc import Iterator

from models.rate_tracker import tracked
from models.rhythm import LEAST_BPM, MOST_BPM, UNKNOWN, TrackedRate
from stream_processors.alarms.conditions import BRADYCARDIA, TACHYCARDIA, Reading, beyond
from stream_processors.alarms.limits import Limits
from stream_processors.records import WindowResult


def follow(known: TrackedRate | None, result: WindowResult, limits: Limits) -> TrackedRate | None:
    """The rate after a window; what is no rate of a living heart, or unsure, changes nothing."""
    heart = result.heart
    if result.quality.verdict != "good" or heart is None:
        return known
    sure = limits.rate_confidence <= heart.confidence <= 1
    if not (sure and heart.confidence > 0 and LEAST_BPM <= heart.rate_bpm <= MOST_BPM):
        return known
    return tracked(known or UNKNOWN, _at_s(result), heart.rate_bpm, heart.confidence)


def of_rate(known: TrackedRate | None, result: WindowResult, limits: Limits) -> Iterator[Reading]:
    """What the rate after a window says; one that the window itself does not bear out is silent."""
    if known is None or known.rate_bpm is None or known.at_s != _at_s(result):
        return
    rate_bpm, inside_bpm = known.rate_bpm, limits.rate_hysteresis_bpm
    for condition, sign, limit_bpm, than in (
        (TACHYCARDIA, 1, limits.tachycardia_bpm, ">"),
        (BRADYCARDIA, -1, limits.bradycardia_bpm, "<"),
    ):
        holds = beyond(sign * rate_bpm, sign * limit_bpm, sign * limit_bpm - inside_bpm)
        words = f"HR {_shown(rate_bpm, limit_bpm)} {than} {limit_bpm:g}"
        yield Reading(condition, holds, words, rate_bpm, limit_bpm, "bpm")


def _shown(rate_bpm: float, limit_bpm: float) -> str:
    """Whole beats, but never the limit itself for a rate beyond it."""
    if round(rate_bpm) != limit_bpm or rate_bpm == limit_bpm:
        return f"{rate_bpm:.0f}"
    away = math.ceil if rate_bpm > limit_bpm else math.floor
    return f"{away(10 * rate_bpm) / 10:.1f}"


def _at_s(result: WindowResult) -> float:
    return result.stages.received_us / 1e6
