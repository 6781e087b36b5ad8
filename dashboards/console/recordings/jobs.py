"""The queue in the database: claim, keep, settle. Every step is one statement or one transaction.

Whoever settles a job must still hold it, so that a job that was taken from a console which only
seemed dead is settled once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import F

from dashboards.console.recordings.limits import MOST_ATTEMPTS
from dashboards.console.recordings.models import Job, Recording, State, Task

if TYPE_CHECKING:
    from dashboards.console.recordings.stored import Answer

LEASE_S = 10.0
_SCREEN = "screen"

_listeners: list[threading.Event] = []


def listen() -> threading.Event:
    """An event that is set when there is something new, or soon will be."""
    event = threading.Event()
    _listeners.append(event)
    return event


def wake() -> None:
    """Let all who listen look into the queue, and have their workers ready."""
    for event in _listeners:
        event.set()


def enqueue(recording: Recording, task: int) -> None:
    """Inside the transaction that makes the recording, or settles what comes before."""
    Job.objects.create(recording=recording, task=task)
    transaction.on_commit(wake)


def claim(
    who: str, now_us: int | None = None, *, tasks: Collection[int] = tuple(Task)
) -> Job | None:
    """The first job of these tasks that nobody holds, now held by `who`."""
    now_us = _wall_clock_us() if now_us is None else now_us
    while True:
        free = Job.objects.select_related("recording").filter(
            task__in=tasks, lease_until_us__lt=now_us
        )
        job: Job | None = free.first()
        if job is None:
            return None
        taken = Job.objects.filter(pk=job.pk, lease_until_us=job.lease_until_us).update(
            claimed_by=who,
            lease_until_us=now_us + round(LEASE_S * 1e6),
            attempts=F("attempts") + 1,
            stage="",
        )
        if taken:
            job.attempts += 1
            return job


def renew(job: Job, who: str) -> bool:
    """Hold it for longer; False where it is no longer held."""
    until_us = _wall_clock_us() + round(LEASE_S * 1e6)
    return bool(Job.objects.filter(pk=job.pk, claimed_by=who).update(lease_until_us=until_us))


def note_stage(job: Job, who: str, words: str) -> None:
    Job.objects.filter(pk=job.pk, claimed_by=who).update(stage=words[:40])


def give_back(job: Job, who: str) -> None:
    """Nobody's again, as if it had not been tried."""
    Job.objects.filter(pk=job.pk, claimed_by=who).update(
        lease_until_us=0, attempts=max(0, job.attempts - 1), claimed_by="", stage=""
    )


def fail_once(job: Job, who: str) -> bool:
    """The worker died of it: try again, or not for the last time; True if it is given up."""
    if job.attempts >= MOST_ATTEMPTS:
        return True
    Job.objects.filter(pk=job.pk, claimed_by=who).update(lease_until_us=0, claimed_by="", stage="")
    wake()
    return False


@transaction.atomic
def finish_classified(
    job: Job, who: str, answer: Answer, document: Any, files: dict[str, bytes]
) -> bool:
    """Store the answer, once; `document` is the same as JSON holds it."""
    if not _still_held(job, who):
        return False
    recording = job.recording
    _keep_files(recording, files)
    heart, screen = answer.file.heart, answer.file.models.get(_SCREEN)
    recording.state = State.DONE
    recording.answer = document
    recording.duration_s = answer.file.duration_s
    recording.verdict = answer.file.quality.verdict
    recording.rate_bpm = heart.rate_bpm if heart else None
    if screen is not None and not screen.abstained:
        recording.finding = screen.label
        recording.probability = screen.probabilities[screen.label]
    recording.save()
    job.delete()
    enqueue(recording, Task.EXPLAIN)
    return True


@transaction.atomic
def finish_explained(job: Job, who: str, files: dict[str, bytes]) -> bool:
    if not _still_held(job, who):
        return False
    _keep_files(job.recording, files)
    job.recording.save(update_fields=[*files])
    job.delete()
    return True


@transaction.atomic
def drop(job: Job, who: str) -> None:
    """Without a result: the answer stands without its explanation."""
    if _still_held(job, who):
        job.delete()


@transaction.atomic
def refuse(job: Job, who: str, reason: str) -> None:
    """Keep the reason, and nothing of the sound."""
    if not _still_held(job, who):
        return
    recording = job.recording
    files = recording.files()
    recording.state, recording.reason = State.REFUSED, reason[:400]
    recording.save(update_fields=["state", "reason"])
    recording.sources.all().delete()
    job.delete()
    _delete_files_after_commit(files)


def remove(recording: Recording) -> None:
    """Delete a recording with all that belongs to it."""
    with transaction.atomic():
        files = recording.files()
        recording.delete()
        _delete_files_after_commit(files)


def _still_held(job: Job, who: str) -> bool:
    return bool(Job.objects.select_for_update().filter(pk=job.pk, claimed_by=who).exists())


def _keep_files(recording: Recording, files: dict[str, bytes]) -> None:
    for field, content in files.items():
        suffix = "wav" if field == "heard" else "json"
        getattr(recording, field).save(f"{field}.{suffix}", ContentFile(content), save=False)


def _delete_files_after_commit(files: list[Any]) -> None:
    places = [(file.storage, file.name) for file in files]
    transaction.on_commit(lambda: delete_stored(places))


def delete_stored(places: Iterable[tuple[Any, str]]) -> None:
    """Delete files from their storage, and the folder that held them where there are folders."""
    folders = set()
    for storage, name in places:
        storage.delete(name)
        folders.add((storage, name.rpartition("/")[0]))
    for storage, folder in folders:
        with suppress(OSError):
            storage.delete(folder)


def _wall_clock_us() -> int:
    return time.time_ns() // 1000
