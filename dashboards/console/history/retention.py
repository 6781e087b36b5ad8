"""What is old goes: windows after days, the rest after months; and all of a patient when asked."""

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from dashboards.console.admissions import retention as admissions
from dashboards.console.history.models import (
    AlarmTransition,
    Clip,
    Erasure,
    Label,
    Minute,
    Note,
    Window,
)
from dashboards.console.notifications.models import Delivery
from stream_processors.topics import ALL

_EVERY_S = 600.0
# Kafka deletes whole segments, and closes one after a week at the latest.
_LONGEST_SEGMENT_MS = 7 * 86_400_000


class Erased(NamedTuple):
    """How many rows of each kind are gone."""

    windows: int
    minutes: int
    alarms: int
    clips: int
    notes: int
    labels: int
    messages: int
    identities: int
    limits: int


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
    """Erase all that is older; notes and labels too, and identities of who left before."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    with transaction.atomic():
        identities, limits = admissions.erase_before(at_us, at)
        return Erased(
            windows=_delete(Window.objects.filter(start_us__lt=at_us)),
            minutes=_delete(Minute.objects.filter(minute_us__lt=at_us)),
            alarms=_delete(AlarmTransition.objects.filter(at_us__lt=at_us)),
            clips=_delete_clips(Clip.objects.filter(until_us__lt=at_us)),
            notes=_delete(Note.objects.filter(at_us__lt=at_us)),
            labels=_delete(Label.objects.filter(at__lt=at)),
            messages=_delete(Delivery.objects.filter(created_us__lt=at_us)),
            identities=identities,
            limits=limits,
        )


def hold_off(pseudonym: str) -> bool:
    """What the pipeline still tells of a patient of the time until now is not stored from now on.

    Whether that is so for the first time. Others write meanwhile, and see it once this is
    committed: so before, and not while, all of the patient is erased.
    """
    until_us = time.time_ns() // 1000
    _, is_first = Erasure.objects.update_or_create(
        pseudonym=pseudonym, defaults={"until_us": until_us}
    )
    return bool(is_first)


def erase_patient(pseudonym: str) -> Erased:
    """Erase all that the console holds of a patient, but that the assignment was."""
    of_patient = {"patient_id": pseudonym}
    with transaction.atomic():
        identities, limits = admissions.erase_patient(pseudonym)
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
            identities=identities,
            limits=limits,
        )


def kafka_forgets_at(now_s: float | None = None) -> datetime:
    """By when Kafka, too, has forgotten what is in it now, by the retention of its topics."""
    longest_ms = max(topic.retention_ms or 0 for topic in ALL) + _LONGEST_SEGMENT_MS
    return datetime.fromtimestamp((now_s or time.time()) + longest_ms / 1000, UTC)


def _delete(rows: Any) -> int:
    deleted, _ = rows.delete()
    return int(deleted)


def _delete_clips(clips: Any) -> int:
    """With their files, which go when the rows are gone for good, or at the next sweep."""
    files = [clip.file for clip in clips if clip.file]
    count = _delete(clips)
    # A storage that is away must not end the writing of the history.
    transaction.on_commit(lambda: [file.storage.delete(file.name) for file in files], robust=True)
    return count
