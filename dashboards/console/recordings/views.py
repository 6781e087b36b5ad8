"""The pages: upload and history, one result, two beside each other, a live examination."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from dashboards.console.audit import log
from dashboards.console.lib.pages import page_of
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs
from dashboards.console.people.models import access_of
from dashboards.console.recordings import jobs, limits, rights
from dashboards.console.recordings.api_views import erase, note_view
from dashboards.console.recordings.export import csv_of
from dashboards.console.recordings.models import Recording, State
from dashboards.console.recordings.search import FINDINGS, VERDICTS, SearchError, narrowed

_ASKED = ("search", "ward", "finding", "verdict", "from", "until")
_ON_A_PAGE = 25
_MOST_EXPORTED = 10_000


@require_GET
@needs(Role.VIEWER)
def recordings(request: HttpRequest) -> HttpResponse:
    """Upload, and the history."""
    jobs.wake()  # the worker starts, so that it is ready when a file comes
    access = access_of(request.user)
    asked = {name: request.GET.get(name, "").strip() for name in _ASKED}
    seen = rights.seen_by(request.user)
    try:
        found, wrong = narrowed(seen, asked), ""
    except SearchError as error:
        found, wrong = seen.none(), str(error)
    context = {
        "page": page_of(request, _listed(found), _ON_A_PAGE),
        "asked": asked,
        "wrong": wrong,
        "is_narrowed": any(asked.values()),
        "wards": rights.upload_wards(access),
        "seen_wards": _wards(seen),
        "findings": FINDINGS,
        "verdicts": VERDICTS,
        "may_upload": rights.may_upload(access, ""),
        "most_bytes": limits.MOST_BYTES,
        "most_words": limits.in_words(limits.MOST_BYTES),
        "longest_min": round(limits.LONGEST_S / 60),
        "query": request.GET.urlencode(),
    }
    return render(request, "recordings/recordings.html", context)


@require_GET
@needs(Role.VIEWER)
def recording(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """One result; that it was looked at is written down."""
    found = _seen(request, recording_id)
    note_view(request, found)
    context = _shown(request, found) | {"may_delete": rights.may_delete(request.user, found)}
    return render(request, "recordings/recording.html", context)


@require_GET
@needs(Role.VIEWER)
def compare(request: HttpRequest) -> HttpResponse:
    """Two results beside each other."""
    both = [_seen(request, _id(request.GET.get(name, ""))) for name in ("a", "b")]
    for found in both:
        note_view(request, found)
    return render(request, "recordings/compare.html", {"both": [_shown(request, f) for f in both]})


@require_GET
@needs(Role.VIEWER)
def export(request: HttpRequest) -> HttpResponse:
    """What the history shows and may be taken out, as a table."""
    asked = {name: request.GET.get(name, "").strip() for name in _ASKED}
    try:
        found = narrowed(rights.exported_by(request.user), asked)
    except SearchError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    rows = list(_listed(found).filter(state=State.DONE)[:_MOST_EXPORTED])
    for ward in sorted({row.ward for row in rows}):
        count = sum(row.ward == ward for row in rows)
        log.note(request, "export", ward=ward, subject="recordings", rows=count)
    answer = HttpResponse(csv_of(rows), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="recordings.csv"'
    return answer


@require_POST
@needs(Role.VIEWER)
def delete(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    found = _seen(request, recording_id)
    if not rights.may_delete(request.user, found):
        raise PermissionDenied
    erase(request, found)
    messages.success(request, f"{found.name} is deleted, with all its sound.")
    return redirect("recordings")


@require_GET
@needs(Role.NURSE)
def live(request: HttpRequest) -> HttpResponse:
    """Record with a microphone, and see the findings as it runs."""
    context = {
        "wards": rights.upload_wards(access_of(request.user)),
        "longest_s": limits.EXAMINATION_LONGEST_S,
    }
    return render(request, "recordings/live.html", context)


def _shown(request: HttpRequest, found: Recording) -> dict[str, Any]:
    from dashboards.console.recordings.answers import answer_of, follow_up_of  # noqa: PLC0415 (slow)

    answer = answer_of(found)
    return {
        "recording": found,
        "answer": answer.file if answer else None,
        "usable": answer.file.quality.usable_windows if answer else 0,
        "windows": len(answer.file.quality.windows) if answer else 0,
        "follow_up": follow_up_of(found),
        "may_listen": rights.may_listen(request.user, found),
        "may_listen_raw": rights.may_listen_raw(request.user, found),
        "sources": found.sources.all(),
    }


def _listed(found: Any) -> Any:
    return found.exclude(state=State.REFUSED).select_related("owner")


def _wards(seen: Any) -> list[str]:
    names = seen.exclude(ward="").order_by("ward").values_list("ward", flat=True).distinct()
    return list(names)


def _seen(request: HttpRequest, recording_id: UUID) -> Recording:
    found: Recording | None = rights.seen_by(request.user).filter(pk=recording_id).first()
    if found is None:
        raise Http404("there is no such recording, or not for you")
    return found


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404("there is no such recording, or not for you") from None
