"""Admit, move, discharge, change limits: each in one transaction with the record for Kafka."""

import time
from collections.abc import Mapping

from django.db import transaction

from dashboards.console.admissions.models import (
    Assignment,
    Bed,
    Device,
    LimitsChange,
    Patient,
    Ward,
    current,
)
from dashboards.console.outbox import duty
from dashboards.console.outbox.models import Outgoing, post
from dashboards.console.outbox.postman import wake_after_commit
from ingest.chunk import is_device_id
from ingest.connections import load
from models.errors import ConfigurationError, ModelError
from models.registry import finding_labels
from stream_processors import records
from stream_processors.alarms.limits import BUILT_IN, refuse_unknown_labels, with_profile
from stream_processors.settings import WorkerSettings
from stream_processors.topics import ASSIGNMENTS

NAME_CHARACTERS = 64
_DUTY = "admissions"


class AdmissionError(Exception):
    """In one line, why it cannot be done."""


@transaction.atomic
def assign(
    *,
    device_id: str,
    pseudonym: str,
    ward: str,
    bed: str,
    limits: Mapping[str, float] | None = None,
) -> Assignment:
    """From now on this patient, in this bed, wears this device.

    What the device, the bed or the patient was assigned to before ends with it, but that a
    patient may wear several devices in one bed. Limits are the patient's: unless others are given,
    those that are in force go on with another device, too.

    Raises
    ------
    AdmissionError
        When a name cannot be.
    """
    if not is_device_id(device_id):
        raise AdmissionError(f"{device_id!r} is no device id: 1 to 64 characters A-Z a-z 0-9 _ -")
    for what, name in (("patient", pseudonym), ("ward", ward), ("bed", bed)):
        _check_name(what, name)
    duty.alone(_DUTY)
    now_us = _now_us()
    device, _ = Device.objects.get_or_create(device_id=device_id)
    patient, _ = Patient.objects.get_or_create(pseudonym=pseudonym)
    place, _ = Bed.objects.get_or_create(ward=Ward.objects.get_or_create(name=ward)[0], name=bed)
    in_force = current(now_us)
    before = in_force.filter(patient=patient).first()
    _end(in_force.filter(device=device), now_us)
    _end(in_force.filter(bed=place).exclude(patient=patient), now_us)
    _end(in_force.filter(patient=patient).exclude(bed=place), now_us)
    made: Assignment = Assignment.objects.create(
        assignment_id=f"{device_id}-{now_us}",
        device=device,
        patient=patient,
        bed=place,
        from_us=now_us,
        limits=dict(limits if limits is not None else before.limits if before else {}),
    )
    _tell(made)
    return made


@transaction.atomic
def move(assignment: Assignment, *, ward: str, bed: str) -> Assignment:
    """The same patient with the same device and limits in another bed."""
    now = _still_in_force(assignment)
    moved: Assignment = assign(
        device_id=now.device.device_id,
        pseudonym=now.patient.pseudonym,
        ward=ward,
        bed=bed,
        limits=now.limits,
    )
    return moved


@transaction.atomic
def discharge(assignment: Assignment) -> None:
    """The patient wears the device no longer; done twice the first time counts."""
    duty.alone(_DUTY)
    now_us = _now_us()
    _end(current(now_us).filter(pk=assignment.pk), now_us)


@transaction.atomic
def change_limits(assignment: Assignment, limits: Mapping[str, float], actor: str) -> None:
    """Hold the patient's alarms, whatever they wear, against these; the rest is the ward's.

    Raises
    ------
    AdmissionError
        Naming the limit, its value and what is allowed.
    """
    now = _still_in_force(assignment)
    where = f"assignment {assignment.assignment_id}"
    try:
        # What was of a model that is gone since must not keep the others from being changed.
        refuse_unknown_labels(limits.keys() - now.limits.keys(), _labels(), where=where)
        with_profile(BUILT_IN, limits, where=where)
    except (ConfigurationError, ModelError) as error:
        raise AdmissionError(str(error)) from None
    before = now.limits
    for each in (now, *current(_now_us()).filter(patient=now.patient).exclude(pk=now.pk)):
        if each == now or each.limits != before:
            LimitsChange.objects.create(
                assignment=each, actor=actor, before=each.limits, after=dict(limits)
            )
        _put_limits(each, limits)
    assignment.limits = dict(limits)


def take_limits_back(assignment: Assignment) -> None:
    """Of an assignment that is over; inside the transaction that erases its patient."""
    _put_limits(assignment, {})


@transaction.atomic
def mirror(record: records.Assignment) -> None:
    """Take over what somebody else wrote to Kafka; what is here already is only brought up."""
    duty.alone(_DUTY)
    if _is_superseded(record):
        return
    place, _ = Bed.objects.get_or_create(
        ward=Ward.objects.get_or_create(name=record.ward)[0], name=record.bed
    )
    Assignment.objects.update_or_create(
        assignment_id=record.assignment_id,
        defaults={
            "device": Device.objects.get_or_create(device_id=record.device_id)[0],
            "patient": Patient.objects.get_or_create(pseudonym=record.patient_id)[0],
            "bed": place,
            "from_us": record.from_us,
            "until_us": record.until_us,
            "limits": record.limits,
        },
    )


def _is_superseded(record: records.Assignment) -> bool:
    """Whether the console itself said this, and something newer since: all its words come back."""
    own = Outgoing.objects.filter(topic=ASSIGNMENTS.name, key=record.assignment_id.encode())
    said = [bytes(value) for value in own.order_by("id").values_list("value", flat=True)]
    told = records.encode(record)
    return told in said and told != said[-1]


def _put_limits(assignment: Assignment, limits: Mapping[str, float]) -> None:
    assignment.limits = dict(limits)
    assignment.save(update_fields=["limits"])
    _tell(assignment)


def _labels() -> dict[str, tuple[str, ...]]:
    return finding_labels(load(WorkerSettings).models_dir)


def _still_in_force(assignment: Assignment) -> Assignment:
    """As it is now: somebody may have ended or changed it since it was looked up."""
    duty.alone(_DUTY)
    found: Assignment | None = current(_now_us()).filter(pk=assignment.pk).first()
    if found is None:
        raise AdmissionError("this assignment has ended meanwhile")
    return found


def _end(assignments: object, now_us: int) -> None:
    for assignment in assignments.select_related("device", "patient", "bed__ward"):  # type: ignore[attr-defined]
        assignment.until_us = now_us
        assignment.save(update_fields=["until_us"])
        _tell(assignment)


def _tell(assignment: Assignment) -> None:
    record = assignment.record()
    post(ASSIGNMENTS, record.assignment_id, record)
    wake_after_commit()


def _check_name(what: str, name: str) -> None:
    if not (name.strip() and len(name) <= NAME_CHARACTERS and name.isprintable()):
        raise AdmissionError(f"the {what} needs a name of 1 to {NAME_CHARACTERS} characters")


def _now_us() -> int:
    return time.time_ns() // 1000
