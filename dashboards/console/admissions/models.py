"""Who lies where and wears what; the mirror of ``pcg.assignments``, which is written from here."""

from typing import Any

from django.db import models
from django.db.models import F, Q

from stream_processors import records

NAME_CHARACTERS = 64


class Ward(models.Model):
    name = models.CharField(max_length=NAME_CHARACTERS, unique=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return str(self.name)


class Bed(models.Model):
    ward = models.ForeignKey(Ward, on_delete=models.PROTECT, related_name="beds")
    name = models.CharField(max_length=NAME_CHARACTERS)

    class Meta:
        ordering = ("ward__name", "name")
        constraints = (models.UniqueConstraint(fields=("ward", "name"), name="bed_once_a_ward"),)

    def __str__(self) -> str:
        return f"{self.ward}, bed {self.name}"


class Patient(models.Model):
    """A pseudonym; `sealed_identity` is optional and encrypted."""

    pseudonym = models.CharField(max_length=NAME_CHARACTERS, unique=True)
    sealed_identity = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pseudonym",)

    def __str__(self) -> str:
        return str(self.pseudonym)


class Device(models.Model):
    device_id = models.CharField(max_length=NAME_CHARACTERS, unique=True)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("device_id",)

    def __str__(self) -> str:
        return str(self.device_id)


class Assignment(models.Model):
    """That a patient, in a bed, wore a device from then to then; times in UTC microseconds."""

    assignment_id = models.CharField(max_length=160, unique=True)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="assignments")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="assignments")
    bed = models.ForeignKey(Bed, on_delete=models.PROTECT, related_name="assignments")
    from_us = models.BigIntegerField()
    until_us = models.BigIntegerField(null=True)
    limits = models.JSONField(default=dict)

    class Meta:
        ordering = ("-from_us", "assignment_id")
        indexes = (models.Index(fields=("device", "from_us")),)

    def __str__(self) -> str:
        return f"{self.patient} in {self.bed} with {self.device}"

    def record(self) -> records.Assignment:
        """As it goes to Kafka."""
        return records.Assignment(
            assignment_id=self.assignment_id,
            device_id=self.device.device_id,
            patient_id=self.patient.pseudonym,
            ward=self.bed.ward.name,
            bed=self.bed.name,
            from_us=self.from_us,
            until_us=self.until_us,
            limits=self.limits,
        )


def current(now_us: int) -> Any:
    """Assignments in force, with all that their records name."""
    return (
        Assignment.objects.filter(from_us__lte=now_us)
        .filter(Q(until_us=None) | Q(until_us__gt=now_us))
        .exclude(until_us__lte=F("from_us"))
        .select_related("device", "patient", "bed__ward")
    )


class LimitsChange(models.Model):
    """One change of a patient's limits."""

    assignment = models.ForeignKey(
        Assignment, on_delete=models.CASCADE, related_name="limits_changes"
    )
    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=150)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.actor}"
