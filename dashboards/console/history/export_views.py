"""Clinicians' labels with their clips, in the form that training reads."""

import csv
import io
import zipfile

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from dashboards.console.audit import log
from dashboards.console.history.models import Label
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
        zipped.writestr("labels.csv", _table(rows))
        for clip in {row.clip_id: row.clip for row in rows}.values():
            with clip.file.open("rb") as file:
                zipped.writestr(f"clips/{clip.pk}.flac", file.read())
    log.note(request, "export", subject="labels", labels=len(rows))
    answer = HttpResponse(archive.getvalue(), content_type="application/zip")
    answer.headers["Content-Disposition"] = 'attachment; filename="heartward-labels.zip"'
    return answer


def _table(rows: object) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:  # type: ignore[attr-defined]
        table.writerow(
            (
                *(f"clips/{row.clip_id}.flac", row.model, row.version or "unknown", row.said),
                *(row.verdict, row.corrected, row.patient_id or row.device_id),
                *(row.author, row.at.isoformat()),
            )
        )
    return text.getvalue()
