"""Admit, move and discharge, as pages."""

import time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from dashboards.console.admissions import desk
from dashboards.console.admissions.models import Assignment, Patient, Ward, current
from dashboards.console.admissions.rights import may_take, seen_devices
from dashboards.console.audit import log
from dashboards.console.live import current as live
from dashboards.console.people.access import Access, Role
from dashboards.console.people.decorators import needs, require
from dashboards.console.people.models import access_of


class PlaceForm(forms.Form):
    ward = forms.CharField(max_length=64, widget=forms.TextInput({"list": "wards"}))
    bed = forms.CharField(max_length=64, widget=forms.TextInput({"autocomplete": "off"}))


class AssignForm(PlaceForm):
    device_id = forms.CharField(
        max_length=64, label="Device", widget=forms.TextInput({"list": "devices"})
    )
    patient_id = forms.CharField(
        max_length=64,
        label="Patient (pseudonym)",
        widget=forms.TextInput({"list": "patients"}),
        help_text="Never a name: that has its own, encrypted place.",
    )
    field_order = ("patient_id", "ward", "bed", "device_id")


@require_GET
@needs(Role.NURSE)
def admissions(request: HttpRequest) -> HttpResponse:
    return _page(request, AssignForm(initial={"device_id": request.GET.get("device", "")}))


@require_POST
@needs(Role.NURSE)
def assign(request: HttpRequest) -> HttpResponse:
    form = AssignForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    asked = form.cleaned_data
    require(request, Role.NURSE, asked["ward"])
    if not may_take(access_of(request.user), asked["device_id"], asked["patient_id"]):
        form.add_error(None, "The device or the patient is in a ward of others.")
        return _page(request, form)
    try:
        made = desk.assign(
            device_id=asked["device_id"],
            pseudonym=asked["patient_id"],
            ward=asked["ward"],
            bed=asked["bed"],
        )
    except desk.AdmissionError as error:
        form.add_error(None, str(error))
        return _page(request, form)
    log.note(request, "admit", ward=asked["ward"], subject=made.assignment_id, bed=asked["bed"])
    messages.success(request, f"{made}.")
    return redirect("admissions")


@require_POST
@needs(Role.NURSE)
def move(request: HttpRequest, assignment_id: str) -> HttpResponse:
    assignment = assignment_for(request, assignment_id, Role.NURSE)
    form = PlaceForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A bed and a ward are needed.")
        return redirect("admissions")
    require(request, Role.NURSE, form.cleaned_data["ward"])
    try:
        moved = desk.move(assignment, **form.cleaned_data)
    except desk.AdmissionError as error:
        messages.error(request, str(error))
        return redirect("admissions")
    log.note(request, "move", ward=moved.bed.ward.name, subject=moved.assignment_id)
    messages.success(request, f"{moved}.")
    return redirect("admissions")


@require_POST
@needs(Role.NURSE)
def discharge(request: HttpRequest, assignment_id: str) -> HttpResponse:
    assignment = assignment_for(request, assignment_id, Role.NURSE)
    desk.discharge(assignment)
    log.note(request, "discharge", ward=assignment.bed.ward.name, subject=assignment_id)
    messages.success(request, f"{assignment.patient} no longer wears {assignment.device}.")
    return redirect("admissions")


def assignment_for(request: HttpRequest, assignment_id: str, role: Role) -> Assignment:
    """An assignment in force in a ward where the asker holds the role; else there is none."""
    found: Assignment | None = (
        current(time.time_ns() // 1000).filter(assignment_id=assignment_id).first()
    )
    if found is None or not access_of(request.user).may(Role.VIEWER, found.bed.ward.name):
        raise Http404
    require(request, role, found.bed.ward.name)
    return found


def _page(request: HttpRequest, form: AssignForm) -> HttpResponse:
    access = access_of(request.user)
    wards = access.wards(Role.NURSE)
    in_force = current(time.time_ns() // 1000).order_by("bed__ward__name", "bed__name")
    if wards is not None:
        in_force = in_force.filter(bed__ward__name__in=list(wards))
    context = {
        "assignments": in_force,
        "form": form,
        "unassigned": _unassigned(access),
        "devices": seen_devices(access)[:500],
        **_known(wards),
    }
    return render(request, "admissions/admissions.html", context)


def _unassigned(access: Access) -> list[str]:
    """Devices that are heard and that nobody wears."""
    if not access.may(Role.NURSE, None):
        return []
    return sorted(bed.device_id for bed in live.filled_room().ward.beds() if bed.assignment is None)


def _known(wards: frozenset[str] | None) -> dict[str, Any]:
    """What the fields offer."""
    known = Ward.objects.all() if wards is None else Ward.objects.filter(name__in=list(wards))
    patients = Patient.objects.all()
    if wards is not None:
        patients = patients.filter(assignments__bed__ward__name__in=list(wards)).distinct()
    return {"wards": known, "patients": patients[:500]}
