"""Every condition that can become an alarm, and what one window or report says of it."""

from typing import NamedTuple

from stream_processors.alarms.limits import OFF, PRIORITIES, Limits
from stream_processors.records import AlarmKind, Priority

FINDING = "finding"  # finding/MODEL/LABEL
TACHYCARDIA, BRADYCARDIA = "tachycardia", "bradycardia"
HEART_LOST = "heart_lost"
POOR_SIGNAL = "poor_signal"
OFFLINE = "offline"
LOW_BATTERY = "low_battery"
CLOCK_OFF = "clock_off"
LIMITS_REFUSED = "limits_refused"
PIPELINE_LATE = "pipeline_late"
MONITORING_LOST = "monitoring_lost"  # monitoring_lost/PART
SINK_DOWN = "sink_down"  # sink_down/PART
AUDIO_PAUSE, STANDBY = "audio_pause", "standby"  # not alarms, but shown with their ends

_PHYSIOLOGICAL = frozenset({FINDING, TACHYCARDIA, BRADYCARDIA, HEART_LOST})
_PRIORITY_OF = {
    FINDING: "finding_priority",
    TACHYCARDIA: "tachycardia_priority",
    BRADYCARDIA: "bradycardia_priority",
    HEART_LOST: "heart_lost_priority",
    POOR_SIGNAL: "poor_signal_priority",
    OFFLINE: "offline_priority",
    LOW_BATTERY: "battery_priority",
    CLOCK_OFF: "clock_priority",
    LIMITS_REFUSED: "limits_refused_priority",
    PIPELINE_LATE: "pipeline_late_priority",
    MONITORING_LOST: "monitoring_lost_priority",
    SINK_DOWN: "sink_down_priority",
}
_COUNTED_AS = {
    FINDING: "finding",
    TACHYCARDIA: "rate",
    BRADYCARDIA: "rate",
    HEART_LOST: "heart_lost",
    POOR_SIGNAL: "poor_signal",
}


class Rule(NamedTuple):
    """How many of how many raise a condition, and clear it."""

    k: int
    n: int
    clear_k: int
    clear_n: int


AT_ONCE = Rule(1, 1, 1, 1)


class Reading(NamedTuple):
    """What one input says of one condition.

    Attributes
    ----------
    holds
        True for it, False against it, None neither: between the limits.
    words
        The value and the limit that it crossed: ``HR 134 > 120``.
    """

    condition: str
    holds: bool | None
    words: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""


def family(condition: str) -> str:
    """``finding`` of ``finding/screen/abnormal``."""
    return condition.partition("/")[0]


def kind_of(condition: str) -> AlarmKind:
    return "physiological" if family(condition) in _PHYSIOLOGICAL else "technical"


def priority_of(condition: str, limits: Limits) -> Priority | None:
    """None: it is turned off."""
    level = getattr(limits, _PRIORITY_OF[family(condition)])
    return None if level == OFF else PRIORITIES[level - 1]


def rule_of(condition: str, limits: Limits) -> Rule:
    name = _COUNTED_AS.get(family(condition))
    if name is None:
        return AT_ONCE
    numbers = (f"{name}_k", f"{name}_n", f"{name}_clear_k", f"{name}_clear_n")
    return Rule(*(getattr(limits, number) for number in numbers))


def beyond(value: float, limit: float, clear: float, *, reached: bool = False) -> bool | None:
    """True beyond the limit, False on the far side of where it clears, None between."""
    if value > limit or (reached and value == limit):
        return True
    return False if value <= clear else None


def outranks(priority: Priority, other: Priority) -> bool:
    return PRIORITIES.index(priority) > PRIORITIES.index(other)
