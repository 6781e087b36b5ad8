"""The ward and the bed, as pages; what is live in them comes over the feed."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dashboards.console.audit import log
from dashboards.console.live import current
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs
from dashboards.console.people.models import access_of

SPANS = ((0.25, "15 min"), (1, "1 h"), (6, "6 h"), (24, "24 h"), (168, "7 days"))


@require_GET
@needs(Role.VIEWER)
def ward(request: HttpRequest) -> HttpResponse:
    """Every bed that may be seen; that somebody looked is written down."""
    access = access_of(request.user)
    for name in sorted(access.wards(Role.VIEWER) or {""}):
        log.note_view(request, ward=name, subject="ward")
    return render(request, "ward/ward.html", {"may_act": access.may(Role.NURSE, None)})


@require_GET
@needs(Role.VIEWER)
def bed(request: HttpRequest, device_id: str) -> HttpResponse:
    """One bed; that it was looked at is written down."""
    access = access_of(request.user)
    known = current.filled_room().ward.bed(device_id)
    if known is None or not access.may(Role.VIEWER, known.ward):
        raise Http404("there is no such bed, or not for you")
    log.note(request, "view", ward=known.ward, subject=device_id)
    context = {
        "device_id": device_id,
        "spans": SPANS,
        "ward_name": known.ward,
        "assignment": known.assignment,
        "may_act": access.may(Role.NURSE, known.ward),
        "may_listen": access.may(Role.CLINICIAN, known.ward),
        "may_listen_raw": access.may_listen_raw(known.ward),
        "may_label": access.may(Role.CLINICIAN, known.ward),
    }
    return render(request, "ward/bed.html", context)
