"""The history: searched, filtered, exported; and the pages of results."""

import csv
import io
import re
from typing import Any

import pytest
from django.core.management import call_command

from dashboards.console.admissions.models import Patient
from dashboards.console.audit.models import AuditEntry
from dashboards.console.people.access import Role
from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.models import Recording
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.recordings.conftest import TakeIn, stored
from tests.unit.dashboards.console.recordings.hostile import hostile_files

pytestmark = pytest.mark.django_db


def _names(client: Any, query: str) -> set[str]:
    answer = client.get(f"/api/v1/recordings?{query}")
    assert answer.status_code == 200, answer.content
    return {row["name"] for row in answer.json()["results"]}


def test_search_and_filters_find_what_fits_all_of_them(
    take: TakeIn, foreman: Foreman, program_of: ClientOf
) -> None:
    first = take("first.flac", patient_id="P17", note="left sternal border")
    foreman.step()
    first.refresh_from_db()
    take("second.flac", note="apex")
    nurse = program_of(Role.NURSE, "west")
    assert _names(nurse, "search=sternal") == {"first.flac"}
    assert _names(nurse, "search=p17 left") == {"first.flac"}
    assert _names(nurse, "search=apex left") == set()
    assert _names(nurse, "state=queued") == {"second.flac"}
    assert _names(nurse, f"finding={first.finding}&verdict=good") == {"first.flac"}
    other = {"normal": "abnormal", "abnormal": "normal"}[first.finding]
    assert _names(nurse, f"finding={other}") == set()
    assert _names(nurse, "from=2020-01-01&until=2020-01-02") == set()
    assert _names(nurse, "ward=west&limit=1") == {"second.flac"}
    assert nurse.get("/api/v1/recordings?limit=1").json()["count"] == 2


@pytest.mark.parametrize("query", ["from=yesterday", "until=9999-12-31", "search=%00"])
def test_what_cannot_be_looked_for_is_said_and_no_failure(
    program_of: ClientOf, client_of: ClientOf, query: str
) -> None:
    assert program_of(Role.NURSE, "west").get(f"/api/v1/recordings?{query}").status_code == 400
    assert client_of(Role.NURSE, "west").get(f"/recordings/?{query}").status_code == 200
    assert client_of(Role.NURSE, "west").get(f"/recordings/export.csv?{query}").status_code == 400


def test_the_table_has_a_column_for_each_label_and_no_formula(
    take: TakeIn, foreman: Foreman, client_of: ClientOf
) -> None:
    take("=HYPERLINK(evil).flac", note="-1+1", patient_id="@x")
    foreman.step()
    answer = client_of(Role.CLINICIAN, "west").get("/recordings/export.csv")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    recording = Recording.objects.get()
    screen = recording.answer["file"]["models"]["screen"]["probabilities"]
    assert float(row["screen_abnormal"]) == screen["abnormal"]
    assert float(row["rate_bpm"]) == recording.rate_bpm
    assert (row["name"][:2], row["note"], row["patient_id"]) == ("'=", "'-1+1", "'@x")
    assert AuditEntry.objects.filter(action="export", subject="recordings").exists()
    viewers = client_of(Role.VIEWER, "west").get("/recordings/export.csv")
    assert str(recording.pk) not in viewers.content.decode()


def test_a_result_says_finding_rate_follow_up_and_disclaimer(
    take: TakeIn, foreman: Foreman, client_of: ClientOf
) -> None:
    recording = take("<b>bold.flac")
    foreman.step()
    page = client_of(Role.CLINICIAN, "west").get(f"/recordings/{recording.pk}/").content.decode()
    assert "&lt;b&gt;bold.flac" in page
    recording.refresh_from_db()
    assert re.search(rf"{recording.finding} \d+ %", page)
    for words in ("bpm, confidence", "Suggested:", "not a medical device"):
        assert words in page
    assert "<script>" not in page
    assert " style=" not in page


def test_a_recording_that_waits_or_was_refused_has_a_page_too(
    take: TakeIn, foreman: Foreman, client_of: ClientOf
) -> None:
    waiting = take()
    nurse = client_of(Role.NURSE, "west")
    assert b"Waiting for the answer" in nurse.get(f"/recordings/{waiting.pk}/").content
    foreman.step()
    foreman.step()
    long = next(file for file in hostile_files() if file.kind == "long flac")
    refused = take(*long.files[0])
    foreman.step()
    assert b"10 minutes are the most" in nurse.get(f"/recordings/{refused.pk}/").content
    assert str(refused.pk) not in nurse.get("/recordings/").content.decode()


def test_erasing_a_patient_erases_their_recordings(
    take: TakeIn, foreman: Foreman, media: Any, django_capture_on_commit_callbacks: Any
) -> None:
    Patient.objects.create(pseudonym="P17")
    take(patient_id="P17")
    foreman.step()
    kept = take("other.flac", patient_id="P18")
    output = io.StringIO()
    with django_capture_on_commit_callbacks(execute=True):
        call_command("erase", patient="P17", stdout=output)
    assert "1 recordings" in output.getvalue()
    assert list(Recording.objects.all()) == [kept]
    assert {path.parent.name for path in stored(media)} == {str(kept.pk)}
