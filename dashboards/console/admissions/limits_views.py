"""A patient's limits, with the history of their changes."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from dashboards.console.admissions import desk
from dashboards.console.admissions.models import Assignment, LimitsChange
from dashboards.console.admissions.views import assignment_for
from dashboards.console.audit import log
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs, require
from dashboards.console.people.models import access_of
from stream_processors.alarms.limits import described

# What is set for a patient, in words; the others are rarely touched, and keep their names.
_OFTEN = {
    "tachycardia_bpm": "Heart rate is high above, bpm",
    "bradycardia_bpm": "Heart rate is low below, bpm",
    "finding_probability": "Heart sound is abnormal from a probability of",
    "tachycardia_priority": "Priority of a high heart rate",
    "bradycardia_priority": "Priority of a low heart rate",
    "finding_priority": "Priority of an abnormal heart sound",
    "offline_s": "Device is offline when unheard for, s",
}


@needs(Role.VIEWER)
def limits(request: HttpRequest, assignment_id: str) -> HttpResponse:
    assignment = assignment_for(request, assignment_id, Role.VIEWER)
    ward = assignment.bed.ward.name
    entered: dict[str, str] = {}
    if request.method == "POST":
        require(request, Role.CLINICIAN, ward)
        entered = {name: request.POST.get(name, "").strip() for name, *_ in described()}
        try:
            changed = _numbers(entered)
            # What the page has no field for stays as it is.
            kept = {n: v for n, v in assignment.limits.items() if n not in entered}
            desk.change_limits(assignment, kept | changed, request.user.get_username())
        except desk.AdmissionError as error:
            messages.error(request, str(error))
        else:
            log.note(request, "change limits", ward=ward, subject=assignment_id, limits=changed)
            messages.success(request, "The new limits are in force.")
            return redirect("limits", assignment_id)
    rows = {each[0]: _row(assignment.limits, entered, each) for each in described()}
    seldom = [row for name, row in rows.items() if name not in _OFTEN]
    context = {
        "assignment": assignment,
        "often": [rows[name] for name in _OFTEN],
        "seldom": seldom,
        "is_seldom_set": any(row["value"] for row in seldom),
        "may_change": access_of(request.user).may(Role.CLINICIAN, ward),
        "changes": _changes(assignment, access_of(request.user).wards(Role.VIEWER)),
    }
    return render(request, "admissions/limits.html", context)


def _changes(assignment: Assignment, wards: frozenset[str] | None) -> Any:
    """Of all that this patient wore, as far as it was in wards that may be seen."""
    of_patient = LimitsChange.objects.filter(assignment__patient=assignment.patient)
    if wards is None:
        return of_patient
    return of_patient.filter(assignment__bed__ward__name__in=list(wards))


def _numbers(entered: dict[str, str]) -> dict[str, float]:
    numbers = {}
    for name, text in entered.items():
        if not text:
            continue
        try:
            numbers[name] = float(text.replace(",", "."))
        except ValueError:
            raise desk.AdmissionError(f"{name} {text[:40]!r} is no number") from None
    return numbers


def _row(
    limits: dict[str, float], entered: dict[str, str], limit: tuple[str, float, float, float, str]
) -> dict[str, Any]:
    name, default, low, high, what = limit
    value = entered.get(name) or limits.get(name, "")
    return {
        "name": name,
        "title": _OFTEN.get(name, name),
        "default": f"{default:g}",
        "low": f"{low:g}",
        "high": f"{high:g}",
        "what": what,
        "value": f"{value:g}" if isinstance(value, float | int) else value,
    }
