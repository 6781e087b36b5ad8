"""A patient: where they were, and who they are, for those who may know it."""

import re
import time

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from dashboards.console.admissions.identity import Identity, IdentityError, seal, unseal
from dashboards.console.admissions.models import Patient, current
from dashboards.console.audit import log
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs
from dashboards.console.people.models import access_of

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class IdentityForm(forms.Form):
    name = forms.CharField(max_length=200, required=False)
    born = forms.RegexField(_DATE, required=False, label="Born (YYYY-MM-DD)")
    number = forms.CharField(max_length=64, required=False, label="Hospital number")


@needs(Role.NURSE)
def patient(request: HttpRequest, pseudonym: str) -> HttpResponse:
    """The identity is shown when it is asked for, and that is written down."""
    somebody = get_object_or_404(Patient, pseudonym=pseudonym)
    wards = _wards(somebody)
    access = access_of(request.user)
    allowed = sorted(ward for ward in wards if access.may(Role.NURSE, ward))
    if not allowed and not access.may_everywhere(Role.NURSE):
        raise Http404
    ward = allowed[0] if allowed else ""
    form, identity = IdentityForm(request.POST or None), None
    if request.method == "POST" and "show" in request.POST:
        identity, form = _read(request, somebody, ward), IdentityForm()
    elif request.method == "POST" and form.is_valid():
        somebody.sealed_identity = seal(Identity(**form.cleaned_data))
        somebody.save(update_fields=["sealed_identity"])
        log.note(request, "identity changed", ward=ward, subject=pseudonym)
        messages.success(request, "The identity is stored, encrypted.")
        return redirect("patient", pseudonym)
    context = {
        "somebody": somebody,
        "identity": identity,
        "form": form,
        "assignments": somebody.assignments.select_related("device", "bed__ward").filter(
            **({} if access.may_everywhere(Role.NURSE) else {"bed__ward__name__in": allowed})
        ),
    }
    return render(request, "admissions/patient.html", context)


def _wards(somebody: Patient) -> set[str]:
    """Where somebody lies; who has left still belongs to where that was last."""
    assignments = somebody.assignments.select_related("bed__ward")
    in_force = current(time.time_ns() // 1000).filter(patient=somebody)
    found = in_force or assignments.order_by("-from_us")[:1]
    return {assignment.bed.ward.name for assignment in found}


def _read(request: HttpRequest, somebody: Patient, ward: str) -> Identity | None:
    if somebody.sealed_identity is None:
        return None
    log.note(request, "identity read", ward=ward, subject=somebody.pseudonym)
    try:
        return unseal(somebody.sealed_identity)
    except IdentityError as error:
        messages.error(request, str(error))
        return None
