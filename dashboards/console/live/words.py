"""Conditions in words for people."""

import re

from stream_processors.alarms.conditions import family

_TITLES = {
    "finding": "Abnormal heart sound",
    "tachycardia": "Heart rate high",
    "bradycardia": "Heart rate low",
    "heart_lost": "Heart sound lost",
    "poor_signal": "Poor signal",
    "offline": "Device offline",
    "low_battery": "Battery low",
    "clock_off": "Device clock off",
    "limits_refused": "Limits refused",
    "pipeline_late": "Results are late",
    "monitoring_lost": "Monitoring lost",
    "sink_down": "Database away",
    "audio_pause": "Audio paused",
    "standby": "Standby",
}


# What the alarm worker puts before a cause when an alarm's state changes; the state tells it.
_STATES = ("nobody has answered", "over, not yet seen", "still so after the shelf", "still so")
_BEFORE = re.compile(rf"^((?:{'|'.join(_STATES)}): )+")


def cause_in_words(cause: str) -> str:
    """Why an alarm rings, without what has become of it since."""
    return _BEFORE.sub("", cause).replace(" >= ", " ≥ ").replace(" <= ", " ≤ ")


def title(condition: str) -> str:
    """``Heart rate high`` of ``tachycardia``; a finding that names a lesion says which."""
    kind = family(condition)
    words = _TITLES.get(kind, kind.replace("_", " ").capitalize())
    label = condition.rpartition("/")[2]
    if kind == "finding" and label not in ("", "abnormal", kind):
        return f"{words}: {label}"
    return words
