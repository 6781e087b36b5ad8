"""What the console remembers: windows for days, minutes, alarms, clips and notes for longer.

Times are UTC microseconds. Every row that comes from Kafka has an identity of its own, so that a
record that is read again changes nothing.
"""

import uuid
from typing import Any

from django.db import models

MINUTE_US = 60_000_000
VERDICTS = ("agree", "disagree", "artefact")
CLIP_FOLDER = "clips"


class Window(models.Model):
    """The result of one window; the identity is that of the record."""

    device_id = models.CharField(max_length=64)
    boot_id = models.BigIntegerField()
    window_index = models.BigIntegerField()
    start_us = models.BigIntegerField(db_index=True)
    window_s = models.FloatField()
    published_us = models.BigIntegerField()
    received_us = models.BigIntegerField()
    late = models.BooleanField()
    assignment_id = models.CharField(max_length=160, blank=True)
    patient_id = models.CharField(max_length=64, blank=True, db_index=True)
    ward = models.CharField(max_length=64, blank=True)
    bed = models.CharField(max_length=64, blank=True)
    gap_fraction = models.FloatField()
    quality = models.FloatField()
    verdict = models.CharField(max_length=10)
    rate_bpm = models.FloatField(null=True)
    rate_confidence = models.FloatField(null=True)
    label = models.CharField(max_length=64, blank=True)
    probability = models.FloatField(null=True)
    abnormal_probability = models.FloatField(null=True)
    abstained = models.BooleanField(default=False)
    findings = models.JSONField(default=list)
    audio_topic = models.CharField(max_length=64)
    audio_partition = models.IntegerField()
    audio_first_offset = models.BigIntegerField()
    audio_last_offset = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("device_id", "boot_id", "window_index"), name="window_once"
            ),
        )
        indexes = (models.Index(fields=("device_id", "start_us")),)

    def __str__(self) -> str:
        return f"{self.device_id} {self.boot_id} {self.window_index}"


class Minute(models.Model):
    """One minute of one device with one patient, summed up from its windows."""

    device_id = models.CharField(max_length=64)
    assignment_id = models.CharField(max_length=160, blank=True)
    minute_us = models.BigIntegerField(db_index=True)
    patient_id = models.CharField(max_length=64, blank=True, db_index=True)
    ward = models.CharField(max_length=64, blank=True)
    bed = models.CharField(max_length=64, blank=True)
    windows = models.IntegerField()
    good = models.IntegerField()
    gap_fraction = models.FloatField()
    quality = models.FloatField()
    rate_bpm = models.FloatField(null=True)
    rate_low_bpm = models.FloatField(null=True)
    rate_high_bpm = models.FloatField(null=True)
    abnormal_probability = models.FloatField(null=True)
    latency_ms = models.FloatField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("device_id", "assignment_id", "minute_us"), name="minute_once"
            ),
        )
        indexes = (models.Index(fields=("device_id", "minute_us")),)

    def __str__(self) -> str:
        return f"{self.device_id} {self.minute_us}"


class AlarmTransition(models.Model):
    """One transition of an alarm; append-only, the identity is that of the event."""

    event_id = models.CharField(max_length=64, unique=True)
    episode_id = models.CharField(max_length=64, db_index=True)
    transition_no = models.IntegerField()
    device_id = models.CharField(max_length=64)
    assignment_id = models.CharField(max_length=160, blank=True)
    patient_id = models.CharField(max_length=64, blank=True, db_index=True)
    ward = models.CharField(max_length=64, blank=True)
    bed = models.CharField(max_length=64, blank=True)
    condition = models.CharField(max_length=160)
    kind = models.CharField(max_length=16)
    priority = models.CharField(max_length=8)
    state_from = models.CharField(max_length=16)
    state_to = models.CharField(max_length=16)
    transition = models.CharField(max_length=24)
    at_us = models.BigIntegerField(db_index=True)
    until_us = models.BigIntegerField(null=True)
    cause = models.TextField()
    actor = models.CharField(max_length=200)
    late = models.BooleanField()
    rings = models.BooleanField()
    escalation = models.IntegerField(default=0)
    value = models.FloatField(null=True)
    limit = models.FloatField(null=True)
    unit = models.CharField(max_length=16, blank=True)
    strip = models.BinaryField(null=True)
    strip_rate_hz = models.IntegerField(null=True)

    class Meta:
        ordering = ("-at_us", "-transition_no")
        indexes = (models.Index(fields=("device_id", "at_us")),)

    def __str__(self) -> str:
        return f"{self.condition} {self.transition} {self.device_id}"


def _clip_path(clip: "Clip", _name: str) -> str:
    return f"{CLIP_FOLDER}/{clip.device_id}/{clip.pk}.flac"


class Clip(models.Model):
    """Raw sound that is kept though Kafka forgets it: around an alarm or a label.

    It is `wanted` until its sound has come or cannot come any more.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    episode_id = models.CharField(max_length=64, blank=True, db_index=True)
    device_id = models.CharField(max_length=64)
    patient_id = models.CharField(max_length=64, blank=True, db_index=True)
    ward = models.CharField(max_length=64, blank=True)
    bed = models.CharField(max_length=64, blank=True)
    from_us = models.BigIntegerField()
    until_us = models.BigIntegerField()
    state = models.CharField(
        max_length=8, default="wanted", choices=[(s, s) for s in ("wanted", "kept", "lost")]
    )
    why = models.CharField(max_length=200, blank=True)
    sample_rate_hz = models.IntegerField(null=True)
    missing_fraction = models.FloatField(null=True)
    file = models.FileField(upload_to=_clip_path, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-from_us",)
        constraints = (
            models.UniqueConstraint(
                fields=("episode_id", "device_id", "from_us"), name="clip_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.device_id} {self.from_us}"


class Note(models.Model):
    """What somebody wrote of a patient, for the next shift."""

    device_id = models.CharField(max_length=64, blank=True)
    patient_id = models.CharField(max_length=64, db_index=True)
    ward = models.CharField(max_length=64)
    bed = models.CharField(max_length=64)
    at_us = models.BigIntegerField(db_index=True)
    author = models.CharField(max_length=150)
    text = models.TextField(max_length=4000)

    class Meta:
        ordering = ("-at_us",)

    def __str__(self) -> str:
        return f"{self.author}: {self.text[:40]}"


class Label(models.Model):
    """A clinician's verdict on an alarm; the latest of each author counts."""

    episode_id = models.CharField(max_length=64, db_index=True)
    device_id = models.CharField(max_length=64)
    patient_id = models.CharField(max_length=64, blank=True, db_index=True)
    ward = models.CharField(max_length=64, blank=True)
    said = models.CharField(max_length=64)
    model = models.CharField(max_length=64)
    version = models.CharField(max_length=32)
    verdict = models.CharField(max_length=10, choices=[(v, v) for v in VERDICTS])
    corrected = models.CharField(max_length=200, blank=True)
    author = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)
    clip = models.ForeignKey(Clip, on_delete=models.SET_NULL, null=True, related_name="labels")

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.verdict} {self.said}"


class Erasure(models.Model):
    """That all of a patient was erased: what still comes of the time before is not stored again."""

    pseudonym = models.CharField(max_length=64, unique=True)
    until_us = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.pseudonym)


def seen(rows: Any, wards: frozenset[str] | None, *, unassigned: bool) -> Any:
    """Of rows with a `ward` those that may be seen; None stands for every ward."""
    if wards is None:
        return rows
    return rows.filter(ward__in=[*wards, ""] if unassigned else list(wards))
