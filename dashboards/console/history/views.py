"""The past as pages: alarms, and what the next shift should know."""

import math
import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dashboards.console.admissions.models import Ward
from dashboards.console.audit import log
from dashboards.console.history.handover import BedReport, report
from dashboards.console.history.models import AlarmTransition, seen
from dashboards.console.lib.pages import page_of
from dashboards.console.live import current
from dashboards.console.live.words import title
from dashboards.console.notifications.models import PRIORITIES
from dashboards.console.people.access import Access, Role
from dashboards.console.people.decorators import needs
from dashboards.console.people.models import access_of

_SHIFT_H = 8.0
_LONGEST_H = 7 * 24.0


@require_GET
@needs(Role.VIEWER)
def alarms(request: HttpRequest) -> HttpResponse:
    """Every alarm that was raised, the newest first."""
    access = access_of(request.user)
    rows = _seen(AlarmTransition.objects.exclude(transition="pending"), access)
    chosen = {name: request.GET.get(name, "").strip() for name in ("ward", "bed", "priority")}
    for name, value in chosen.items():
        if value:
            rows = rows.filter(**{name: value[:64]})
    page = page_of(request, rows)
    for row in page:
        row.title = title(row.condition)
    for ward in sorted({row.ward for row in page}):
        log.note_view(request, ward=ward, subject="alarms")
    return render(
        request, "history/alarms.html", {"page": page, "chosen": chosen, "priorities": PRIORITIES}
    )


@require_GET
@needs(Role.VIEWER)
def handover(request: HttpRequest) -> HttpResponse:
    """What happened in a ward since a time, per bed; made to be printed, and written down."""
    access = access_of(request.user)
    wards = _wards(access)
    ward = request.GET.get("ward", "") or (wards[0] if wards else "")
    now_us = time.time_ns() // 1000
    hours = _hours(request.GET.get("hours", ""))
    if ward in wards:
        log.note(request, "view", ward=ward, subject="handover", hours=hours)
    context = {
        "wards": wards,
        "ward": ward,
        "hours": f"{hours:g}",
        "since_us": now_us - round(hours * 3600e6),
        "now_us": now_us,
        "author": request.user.get_username(),
        "beds": _beds(ward, hours, now_us) if ward in wards else [],
    }
    return render(request, "history/handover.html", context)


def _beds(ward: str, hours: float, now_us: int) -> list[BedReport]:
    now = current.filled_room().ward.pictures(now_us)
    return report(ward, now_us - round(hours * 3600e6), now_us, now)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        return _SHIFT_H
    return _SHIFT_H if math.isnan(hours) else min(max(hours, 0.1), _LONGEST_H)


def _wards(access: Access) -> list[str]:
    """Wards that there are now or were, as far as they may be seen."""
    live = {bed.ward for bed in current.filled_room().ward.beds() if bed.ward}
    past = set(AlarmTransition.objects.exclude(ward="").values_list("ward", flat=True).distinct())
    known = set(Ward.objects.values_list("name", flat=True))
    return sorted(ward for ward in live | past | known if access.may(Role.VIEWER, ward))


def _seen(rows: Any, access: Access) -> Any:
    unassigned = access.may(Role.NURSE, None)
    return seen(rows, access.wards(Role.VIEWER), unassigned=unassigned)
