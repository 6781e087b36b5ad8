"""Who may see, hear, upload and delete which recording; what is not for one does not exist."""

from typing import Any

import pytest
from django.test import Client

from dashboards.console.audit.models import AuditEntry
from dashboards.console.people.access import Role
from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.models import Recording
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.recordings.conftest import SAMPLE, TakeIn
from tests.unit.dashboards.console.recordings.uploads import upload

pytestmark = pytest.mark.django_db

_API = "/api/v1/recordings"


@pytest.fixture
def answered(take: TakeIn, foreman: Foreman) -> Recording:
    """A nurse's, in the ward west."""
    recording = take(patient_id="P17", note="sitting")
    foreman.step()
    foreman.step()
    recording.refresh_from_db()
    return recording


def _addresses(recording: Recording) -> list[str]:
    key = recording.pk
    return [
        f"{_API}/{key}",
        *(f"{_API}/{key}/{what}" for what in ("pictures", "saliency", "sound", "file")),
        f"/recordings/{key}/",
        f"/recordings/compare/?a={key}&b={key}",
    ]


def _status(client: Client, path: str) -> int:
    answer: Any = client.get(path)
    return int(answer.status_code)


def test_another_ward_gets_at_nothing_and_learns_nothing(
    program_of: ClientOf, client_of: ClientOf, answered: Recording
) -> None:
    program = program_of(Role.ADMIN, "east", raw=True)
    browser = client_of(Role.ADMIN, "east", raw=True)
    for path in _addresses(answered):
        assert _status(program if path.startswith("/api") else browser, path) == 404, path
    assert program.delete(f"{_API}/{answered.pk}").status_code == 404
    assert browser.post(f"/recordings/{answered.pk}/delete/").status_code == 404
    assert program.get(_API).json()["count"] == 0
    assert str(answered.pk) not in browser.get("/recordings/").content.decode()
    assert str(answered.pk) not in browser.get("/recordings/export.csv").content.decode()
    assert Recording.objects.filter(pk=answered.pk).exists()
    assert not AuditEntry.objects.filter(subject=str(answered.pk)).exists()


def test_who_was_granted_nothing_sees_nothing(
    program_of: ClientOf, client_of: ClientOf, answered: Recording
) -> None:
    for path in ("/recordings/", "/recordings/live/", *_addresses(answered), _API):
        client = (program_of if path.startswith("/api") else client_of)(None)
        assert _status(client, path) == 403, path


def test_a_viewer_of_the_ward_looks_but_neither_hears_uploads_nor_deletes(
    program_of: ClientOf, client_of: ClientOf, answered: Recording
) -> None:
    viewer = program_of(Role.VIEWER, "west")
    assert [_status(viewer, path) for path in _addresses(answered)[:3]] == [200, 200, 200]
    assert [_status(viewer, path) for path in _addresses(answered)[3:5]] == [403, 403]
    assert viewer.delete(f"{_API}/{answered.pk}").status_code == 403
    for ward in ("", "west"):
        assert upload(viewer, [("a.flac", SAMPLE.read_bytes())], ward=ward).status_code == 403
    assert b'id="upload"' not in client_of(Role.VIEWER, "west").get("/recordings/").content


def test_a_clinician_hears_the_filtered_sound_and_the_raw_is_a_right_of_its_own(
    program_of: ClientOf, answered: Recording
) -> None:
    clinician = program_of(Role.CLINICIAN, "west")
    heard, raw = f"{_API}/{answered.pk}/sound", f"{_API}/{answered.pk}/file"
    assert clinician.get(heard).content[:4] == b"RIFF"
    assert _status(clinician, raw) == 403
    listener = program_of(Role.CLINICIAN, "west", raw=True)
    assert listener.get(raw).content == SAMPLE.read_bytes()
    actions = AuditEntry.objects.filter(subject=str(answered.pk)).values_list("action", flat=True)
    assert sorted(actions) == ["listen", "listen raw"]


def test_a_recording_without_a_ward_is_its_owners_alone(program_of: ClientOf, take: TakeIn) -> None:
    own = take(ward="")
    path = f"{_API}/{own.pk}"
    assert _status(program_of(Role.NURSE, "west"), path) == 200
    assert _status(program_of(Role.CLINICIAN, "west"), path) == 404
    assert _status(program_of(Role.CLINICIAN), path) == 404
    assert _status(program_of(Role.ADMIN), path) == 200


def test_nobody_uploads_into_a_ward_that_is_not_theirs(program_of: ClientOf) -> None:
    answer = upload(program_of(Role.ADMIN, "east"), [("a.flac", SAMPLE.read_bytes())], ward="west")
    assert answer.status_code == 403
    assert not Recording.objects.exists()


def test_nobody_uploads_into_a_ward_that_there_is_not(program_of: ClientOf) -> None:
    answer = upload(program_of(Role.ADMIN), [("a.flac", SAMPLE.read_bytes())], ward="nowhere")
    assert answer.status_code == 403


def test_looking_is_written_down_once_a_minute_and_deleting_always(
    program_of: ClientOf, answered: Recording, django_capture_on_commit_callbacks: Any
) -> None:
    nurse = program_of(Role.NURSE, "west")
    for path in _addresses(answered)[:2]:
        nurse.get(path)
    with django_capture_on_commit_callbacks(execute=True):
        assert nurse.delete(f"{_API}/{answered.pk}").status_code == 204
    noted = AuditEntry.objects.filter(subject=str(answered.pk)).values_list("action", flat=True)
    assert sorted(noted) == ["delete recording", "view"]
    assert {entry.ward for entry in AuditEntry.objects.filter(action="view")} == {"west"}
