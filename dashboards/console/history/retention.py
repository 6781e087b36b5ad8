"""What is old goes: windows after days, the rest after months; and all of a patient when asked."""

import time
from datetime import UTC, datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from dashboards.console.history.models import (
    AlarmTransition,
    Clip,
    Label,
    Minute,
    Note,
    Window,
)
from dashboards.console.notifications.models import Delivery
from stream_processors.topics import AUDIO, AUDIO_HISTORY, RESULTS

_EVERY_S = 600.0


class Erased(NamedTuple):
    """How many rows of each kind are gone."""

    windows: int
    minutes: int
    alarms: int
    clips: int
    notes: int
    labels: int
    messages: int


class Housekeeping:
    """Erases by age, now and then."""

    def __init__(self) -> None:
        self._due_s = 0.0

    def step(self, now_s: float) -> None:
        if now_s < self._due_s:
            return
        self._due_s = now_s + _EVERY_S
        console = settings.CONSOLE
        windows_us = round((now_s - console.keep_windows_h * 3600) * 1e6)
        Window.objects.filter(start_us__lt=windows_us).delete()
        erase_before(round((now_s - console.keep_history_days * 86_400) * 1e6))


def erase_before(at_us: int) -> Erased:
    """Erase all that is older; notes and labels too."""
    with transaction.atomic():
        return Erased(
            windows=_delete(Window.objects.filter(start_us__lt=at_us)),
            minutes=_delete(Minute.objects.filter(minute_us__lt=at_us)),
            alarms=_delete(AlarmTransition.objects.filter(at_us__lt=at_us)),
            clips=_delete_clips(Clip.objects.filter(until_us__lt=at_us)),
            notes=_delete(Note.objects.filter(at_us__lt=at_us)),
            labels=_delete(Label.objects.filter(at__lt=datetime.fromtimestamp(at_us / 1e6, UTC))),
            messages=_delete(Delivery.objects.filter(created_us__lt=at_us)),
        )


def erase_patient(pseudonym: str) -> Erased:
    """Erase all that the console holds of a patient, but that the assignment was."""
    of_patient = {"patient_id": pseudonym}
    with transaction.atomic():
        events = AlarmTransition.objects.filter(**of_patient).values("event_id")
        messages = _delete(Delivery.objects.filter(event_id__in=events))
        return Erased(
            messages=messages,
            windows=_delete(Window.objects.filter(**of_patient)),
            minutes=_delete(Minute.objects.filter(**of_patient)),
            alarms=_delete(AlarmTransition.objects.filter(**of_patient)),
            clips=_delete_clips(Clip.objects.filter(**of_patient)),
            notes=_delete(Note.objects.filter(**of_patient)),
            labels=_delete(Label.objects.filter(**of_patient)),
        )


def kafka_forgets_at(now_s: float | None = None) -> datetime:
    """By when Kafka, too, has forgotten what is in it now, by the retention of its topics."""
    longest_ms = max(topic.retention_ms or 0 for topic in (AUDIO, AUDIO_HISTORY, RESULTS))
    return datetime.fromtimestamp((now_s or time.time()) + longest_ms / 1000, UTC)


def _delete(rows: object) -> int:
    deleted, _ = rows.delete()  # type: ignore[attr-defined]
    return int(deleted)


def _delete_clips(clips: object) -> int:
    """With their files, which go when the rows are gone for good."""
    files = [clip.file for clip in clips if clip.file]  # type: ignore[attr-defined]
    count = _delete(clips)
    transaction.on_commit(lambda: [file.storage.delete(file.name) for file in files])
    return count
