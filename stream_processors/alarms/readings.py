"""What a record says of each condition: pure functions of the record and the limits.

A window whose signal is not good says nothing of the patient, but for one thing: that no heart
is heard although the device has contact, and nothing covers it. Numbers that are none (NaN) say
nothing either.
"""

import math
from collections.abc import Iterator

from ingest.chunk import DeviceStatus
from stream_processors.alarms.conditions import (
    CLOCK_OFF,
    FINDING,
    HEART_LOST,
    LOW_BATTERY,
    POOR_SIGNAL,
    Reading,
    beyond,
)
from stream_processors.alarms.limits import Limits, is_healthy
from stream_processors.alarms.loudness import is_quieter
from stream_processors.records import DeviceStats, Finding, Quality, WindowResult

# How `models.quality` says that there is nothing to hear, and not that something covers it.
_NOTHING_TO_HEAR = ("no contact: ", "there is no sound", "the heart is hardly audible")
_NO_BEATS = "no periodic heart sound"
_MOST_GAP = 0.1


def of_result(
    result: WindowResult, limits: Limits, *, contact: bool | None, usual_peak: float | None
) -> Iterator[Reading]:
    """All that one window says but for its rate (`rates.py`).

    `contact` is what the device said last of its sensor, `usual_peak` is of `loudness.py`.
    """
    yield from _of_signal(result)
    yield from _of_silence(result, contact=contact, usual_peak=usual_peak)
    if result.quality.verdict != "good":
        return
    for finding in result.findings:
        if not (finding.shadow or finding.abstained):
            yield from _of_finding(finding, limits)


def of_status(status: DeviceStatus, limits: Limits) -> Iterator[Reading]:
    """What a device says of its battery."""
    battery = status.battery_fraction
    if battery is None or not math.isfinite(battery):
        return
    holds = beyond(-battery, -limits.battery_fraction, -limits.battery_clear_fraction)
    limit = limits.battery_fraction
    words = f"battery {battery:.0%} < {limit:.0%}"
    yield Reading(LOW_BATTERY, holds, words, 100 * battery, 100 * limit, "%")


def of_stats(stats: DeviceStats, limits: Limits) -> Iterator[Reading]:
    """What a bridge says of a device's clock."""
    if stats.clock_offset_us is None:
        return
    offset_s = stats.clock_offset_us / 1e6
    holds = beyond(abs(offset_s), limits.clock_off_s, limits.clock_clear_s)
    side = "ahead" if offset_s > 0 else "behind"
    words = f"clock {abs(offset_s):.1f} s {side}, more than {limits.clock_off_s:g} s"
    yield Reading(CLOCK_OFF, holds, words, offset_s, limits.clock_off_s, "s")


def _of_signal(result: WindowResult) -> Iterator[Reading]:
    quality = result.quality
    words = f"signal {quality.verdict}: {_why(quality)}"
    yield Reading(POOR_SIGNAL, quality.verdict != "good", words, quality.score)


def _of_silence(
    result: WindowResult, *, contact: bool | None, usual_peak: float | None
) -> Iterator[Reading]:
    """Whether there is nothing to hear; beats that noise covers are no lost heart."""
    quality = result.quality
    if quality.verdict == "good":
        yield Reading(HEART_LOST, holds=False, words="the heart is heard")
    elif contact and result.gap_fraction <= _MOST_GAP:
        silent = any(reason.startswith(_NOTHING_TO_HEAR) for reason in quality.reasons)
        no_beats = quality.verdict == "unusable" and quality.reasons == (_NO_BEATS,)
        if silent or (no_beats and is_quieter(result, usual_peak)):
            words = f"no heart sound although contact is good: {_why(quality)}"
            yield Reading(HEART_LOST, holds=True, words=words)


def _why(quality: Quality) -> str:
    return quality.reasons[0] if quality.reasons else f"score {quality.score:.2f}"


def _of_finding(finding: Finding, limits: Limits) -> Iterator[Reading]:
    for label, probability in finding.probabilities.items():
        if is_healthy(label) or not math.isfinite(probability):
            continue
        limit = limits.probability_of(finding.model, label)
        holds = beyond(probability, limit, limits.finding_clear_probability, reached=True)
        words = f"{finding.model} {label} {probability:.2f} >= {limit:.2f}"
        yield Reading(f"{FINDING}/{finding.model}/{label}", holds, words, probability, limit)
