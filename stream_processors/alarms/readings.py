"""What a record says of each condition: pure functions of the record and the limits.

A window whose signal is not good says nothing of the patient, but for one thing: that no heart
is heard although the device has contact. Numbers that are none (NaN, a rate of 0 or 400) say
nothing either.
"""

import math
from collections.abc import Iterator

from ingest.chunk import DeviceStatus
from stream_processors.alarms.conditions import (
    BRADYCARDIA,
    CLOCK_OFF,
    FINDING,
    HEART_LOST,
    LOW_BATTERY,
    POOR_SIGNAL,
    TACHYCARDIA,
    Reading,
)
from stream_processors.alarms.limits import Limits
from stream_processors.records import DeviceStats, Finding, WindowResult

# What a rate of a living heart can be; the rest is an error of measurement.
_LOWEST_BPM, _HIGHEST_BPM = 20.0, 300.0
_HEALTHY = frozenset({"normal", "n"})
# How `models.quality` says that there is nothing to hear, and not that something covers it.
_NOTHING_TO_HEAR = ("no contact: ", "there is no sound", "the heart is hardly audible")
_NO_BEATS = "no periodic heart sound"  # noise hides beats, too: it counts where it stands alone
_MOST_GAP = 0.1


def of_result(result: WindowResult, limits: Limits, *, contact: bool | None) -> Iterator[Reading]:
    """All that one window says; `contact` is what the device said last of its sensor."""
    yield from _of_signal(result, contact=contact)
    if result.quality.verdict != "good":
        return
    for finding in result.findings:
        if not (finding.shadow or finding.abstained):
            yield from _of_finding(finding, limits)
    yield from _of_rate(result, limits)


def of_status(status: DeviceStatus, limits: Limits) -> Iterator[Reading]:
    """What a device says of its battery."""
    battery = status.battery_fraction
    if battery is None or not math.isfinite(battery):
        return
    holds = _beyond(-battery, -limits.battery_fraction, -limits.battery_clear_fraction)
    limit = limits.battery_fraction
    words = f"battery {battery:.0%} < {limit:.0%}"
    yield Reading(LOW_BATTERY, holds, words, 100 * battery, 100 * limit, "%")


def of_stats(stats: DeviceStats, limits: Limits) -> Iterator[Reading]:
    """What a bridge says of a device's clock."""
    if stats.clock_offset_us is None:
        return
    offset_s = stats.clock_offset_us / 1e6
    holds = _beyond(abs(offset_s), limits.clock_off_s, limits.clock_clear_s)
    side = "ahead" if offset_s > 0 else "behind"
    words = f"clock {abs(offset_s):.1f} s {side}, more than {limits.clock_off_s:g} s"
    yield Reading(CLOCK_OFF, holds, words, offset_s, limits.clock_off_s, "s")


def _of_signal(result: WindowResult, *, contact: bool | None) -> Iterator[Reading]:
    quality = result.quality
    good = quality.verdict == "good"
    why = quality.reasons[0] if quality.reasons else f"score {quality.score:.2f}"
    yield Reading(POOR_SIGNAL, not good, f"signal {quality.verdict}: {why}", quality.score)
    if good:
        yield Reading(HEART_LOST, holds=False, words="the heart is heard")
    elif contact and result.gap_fraction <= _MOST_GAP and _is_silent(quality.reasons):
        words = f"no heart sound although contact is good: {why}"
        yield Reading(HEART_LOST, holds=True, words=words)


def _is_silent(reasons: tuple[str, ...]) -> bool:
    nothing = any(reason.startswith(_NOTHING_TO_HEAR) for reason in reasons)
    return nothing or reasons == (_NO_BEATS,)


def _of_finding(finding: Finding, limits: Limits) -> Iterator[Reading]:
    for label, probability in finding.probabilities.items():
        if label.lower() in _HEALTHY or not math.isfinite(probability):
            continue
        limit = limits.probability_of(finding.model, label)
        holds = _beyond(probability, limit, limits.finding_clear_probability, reached=True)
        words = f"{finding.model} {label} {probability:.2f} >= {limit:.2f}"
        yield Reading(f"{FINDING}/{finding.model}/{label}", holds, words, probability, limit)


def _of_rate(result: WindowResult, limits: Limits) -> Iterator[Reading]:
    heart = result.heart
    if heart is None or not heart.confidence >= limits.rate_confidence:
        return
    rate, inside = heart.rate_bpm, limits.rate_hysteresis_bpm
    if not _LOWEST_BPM <= rate <= _HIGHEST_BPM:
        return
    for condition, sign, limit, than in (
        (TACHYCARDIA, 1, limits.tachycardia_bpm, ">"),
        (BRADYCARDIA, -1, limits.bradycardia_bpm, "<"),
    ):
        holds = _beyond(sign * rate, sign * limit, sign * limit - inside)
        words = f"HR {rate:.0f} {than} {limit:.0f}"
        yield Reading(condition, holds, words, rate, limit, "bpm")


def _beyond(value: float, limit: float, clear: float, *, reached: bool = False) -> bool | None:
    """True beyond the limit, False on the far side of where it clears, None between."""
    if value > limit or (reached and value == limit):
        return True
    return False if value <= clear else None
