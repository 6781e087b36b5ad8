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


_UNANSWERED = re.compile(r"^(nobody has answered: )+")


def cause_in_words(cause: str) -> str:
    """Why an alarm rings; how often nobody answered is told apart from it."""
    return _UNANSWERED.sub("", cause)


def title(condition: str) -> str:
    """``Heart rate high`` of ``tachycardia``; a finding that names a lesion says which."""
    kind = family(condition)
    words = _TITLES.get(kind, kind.replace("_", " ").capitalize())
    label = condition.rpartition("/")[2]
    if kind == "finding" and label not in ("", "abnormal", kind):
        return f"{words}: {label}"
    return words
