"""What admissions hold of a patient beside who lay where: the identity, and limits of their own."""

from datetime import datetime

from django.db.models import Q

from dashboards.console.admissions.desk import take_limits_back
from dashboards.console.admissions.models import Assignment, LimitsChange, Patient
from dashboards.console.outbox.models import Outgoing


def erase_patient(pseudonym: str) -> tuple[int, int]:
    """How many identities and changes of limits are gone; Kafka is told of no limits any more."""
    of_patient = Assignment.objects.filter(patient__pseudonym=pseudonym)
    keys = [name.encode() for name in of_patient.values_list("assignment_id", flat=True)]
    Outgoing.objects.filter(key__in=keys, sent_us__isnull=False).delete()
    for assignment in of_patient.exclude(limits={}):
        take_limits_back(assignment)
    changes, _ = LimitsChange.objects.filter(assignment__in=of_patient).delete()
    return _without_identity(Patient.objects.filter(pseudonym=pseudonym)), changes


def erase_before(at_us: int, at: datetime) -> tuple[int, int]:
    """The same of all who wore their last device before, and all older changes of limits."""
    later = Assignment.objects.filter(Q(until_us=None) | Q(until_us__gte=at_us))
    gone = Patient.objects.filter(created_at__lt=at).exclude(pk__in=later.values("patient_id"))
    changes, _ = LimitsChange.objects.filter(at__lt=at).delete()
    return _without_identity(gone), changes


def _without_identity(patients: object) -> int:
    sealed = patients.filter(sealed_identity__isnull=False)  # type: ignore[attr-defined]
    return int(sealed.update(sealed_identity=None))
