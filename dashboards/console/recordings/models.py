"""Recordings that people uploaded or made, what is still to be done with them, and examinations."""

import uuid
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.db import models

from dashboards.console.admissions.models import NAME_CHARACTERS

NOTE_CHARACTERS = 500


class State(models.TextChoices):
    """Of a recording; one that was refused keeps its reason for a day, and none of its sound."""

    QUEUED = "queued"
    DONE = "done"
    REFUSED = "refused"


def _place(recording: "Recording | SourceFile", name: str) -> str:
    """Files lie under the recording's id; a name that somebody gave is never part of a path."""
    own = recording.pk if isinstance(recording, Recording) else recording.recording_id
    return f"recordings/{own}/{uuid.uuid4().hex}{PurePosixPath(name).suffix.lower()[:8]}"


class Recording(models.Model):
    """One recording; without a ward it is its owner's alone.

    `answer` is what ``heartward classify --json`` prints, with the rate and the models' windows;
    the columns beside it repeat what is searched for. `finding` is the screening model's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="recordings"
    )
    ward = models.CharField(max_length=NAME_CHARACTERS, blank=True, default="")
    patient_id = models.CharField(max_length=NAME_CHARACTERS, blank=True, default="")
    note = models.CharField(max_length=NOTE_CHARACTERS, blank=True, default="")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16)
    size_bytes = models.BigIntegerField()
    uploaded_at = models.DateTimeField(auto_now_add=True, db_index=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=400, blank=True, default="")
    duration_s = models.FloatField(null=True)
    finding = models.CharField(max_length=40, blank=True, default="")
    probability = models.FloatField(null=True)
    verdict = models.CharField(max_length=10, blank=True, default="")
    rate_bpm = models.FloatField(null=True)
    answer = models.JSONField(null=True)
    pictures = models.FileField(upload_to=_place, max_length=200, blank=True)
    heard = models.FileField(upload_to=_place, max_length=200, blank=True)
    saliency = models.FileField(upload_to=_place, max_length=200, blank=True)

    class Meta:
        ordering = ("-uploaded_at", "id")
        indexes = (models.Index(fields=("ward", "-uploaded_at")),)

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"

    def files(self) -> list[Any]:
        """All that lies in the storage."""
        own = [file for file in (self.pictures, self.heard, self.saliency) if file]
        return own + [source.file for source in self.sources.all()]


class SourceFile(models.Model):
    """A file as it was uploaded; `is_main` is the one to open."""

    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="sources")
    name = models.CharField(max_length=200)
    is_main = models.BooleanField(default=False)
    file = models.FileField(upload_to=_place, max_length=200)

    def __str__(self) -> str:
        return str(self.name)


class Task(models.IntegerChoices):
    """What comes first is done first."""

    CLASSIFY = 0
    EXPLAIN = 1


class Job(models.Model):
    """Work that is still to be done; gone once it is.

    Who does it holds a lease, renewed while the work goes on. A lease that has run out belongs to
    whoever takes it, so what a dead console had begun is begun anew.
    """

    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="jobs")
    task = models.PositiveSmallIntegerField(choices=Task.choices)
    stage = models.CharField(max_length=40, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_by = models.CharField(max_length=100, blank=True, default="")
    lease_until_us = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("task", "id")
        constraints = (
            models.UniqueConstraint(fields=("recording", "task"), name="one_job_a_task"),
        )

    def __str__(self) -> str:
        return f"{self.get_task_display()} {self.recording_id}"


class Examination(models.Model):
    """Sound that comes while it is recorded; saved it becomes a `Recording`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    ward = models.CharField(max_length=NAME_CHARACTERS, blank=True, default="")
    patient_id = models.CharField(max_length=NAME_CHARACTERS, blank=True, default="")
    sample_rate_hz = models.PositiveIntegerField()
    samples = models.PositiveIntegerField(default=0)
    began_at = models.DateTimeField(auto_now_add=True)
    heard_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"examination {self.id}"


class ExaminationChunk(models.Model):
    """Samples from `first_sample` on, int16, little-endian."""

    examination = models.ForeignKey(Examination, on_delete=models.CASCADE, related_name="chunks")
    first_sample = models.PositiveIntegerField()
    pcm = models.BinaryField()

    class Meta:
        ordering = ("first_sample",)
        constraints = (
            models.UniqueConstraint(fields=("examination", "first_sample"), name="a_chunk_once"),
        )

    def __str__(self) -> str:
        return f"{self.examination_id} from {self.first_sample}"
