"""Clinicians' labels with their clips, in the form that training reads."""

import csv
import io
import zipfile
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from dashboards.console.audit import log
from dashboards.console.history.models import Clip, Label
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs
from dashboards.console.people.models import access_of

COLUMNS = (
    *("path", "model", "version", "said", "verdict", "label", "subject"),
    *("labelled_by", "labelled_at"),
)


@require_GET
@needs(Role.CLINICIAN)
def labels(request: HttpRequest) -> HttpResponse:
    """A zip with ``labels.csv`` and ``clips/``; unzip it and give the folder to retraining."""
    wards = access_of(request.user).wards(Role.CLINICIAN)
    rows = Label.objects.filter(clip__state="kept").select_related("clip").order_by("id")
    if wards is not None:
        rows = rows.filter(ward__in=list(wards))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        packed = {
            clip.pk for clip in {r.clip_id: r.clip for r in rows}.values() if _pack(clip, zipped)
        }
        exported = [row for row in rows if row.clip_id in packed]
        zipped.writestr("labels.csv", _table(exported))
    for ward in sorted({row.ward for row in exported}):
        count = sum(row.ward == ward for row in exported)
        log.note(request, "export", ward=ward, subject="labels", labels=count)
    answer = HttpResponse(archive.getvalue(), content_type="application/zip")
    answer.headers["Content-Disposition"] = 'attachment; filename="heartward-labels.zip"'
    return answer


def _pack(clip: Clip, zipped: zipfile.ZipFile) -> bool:
    """False where the storage has its sound no longer."""
    try:
        with clip.file.open("rb") as file:
            zipped.writestr(f"clips/{clip.pk}.flac", file.read())
    except FileNotFoundError:
        return False
    return True


def _table(rows: Iterable[Label]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        table.writerow(
            (
                *(f"clips/{row.clip_id}.flac", row.model, row.version or "unknown", row.said),
                *(row.verdict, row.corrected, row.patient_id or row.device_id),
                *(row.author, row.at.isoformat()),
            )
        )
    return text.getvalue()
