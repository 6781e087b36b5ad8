"""While the database takes nothing, nothing is shown unwritten; all are told to come again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client

from dashboards.console.audit.models import AuditEntry
from dashboards.console.live.room import Room
from dashboards.console.outbox.models import Outgoing
from dashboards.console.people.access import Role
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import fill

pytestmark = pytest.mark.django_db
Lock = Callable[[], None]


def _locked(*_args: Any, **_kwargs: Any) -> None:
    raise OperationalError("database is locked")


@pytest.fixture
def lock(room: Room, monkeypatch: pytest.MonkeyPatch) -> Lock:
    """Called, somebody else writes to the ward's database for longer than one waits."""
    fill(room, ("west", 1))
    monkeypatch.setattr("dashboards.console.api.live_views._STORED_WITHIN_S", 0.0)
    return lambda: monkeypatch.setattr(AuditEntry, "save", _locked)


@pytest.mark.parametrize("path", ["/", "/beds/dev-west-1/", "/history/handover/?ward=west"])
def test_a_page_that_cannot_be_written_down_is_not_shown_and_comes_again(
    client_of: ClientOf, lock: Lock, path: str
) -> None:
    browser = client_of(Role.NURSE, "west")
    lock()
    answer = browser.get(path)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert b"database does not answer" in answer.content
    assert b'http-equiv="refresh"' in answer.content
    assert b"p-west-1" not in answer.content


def test_a_form_is_not_sent_again_by_itself(client_of: ClientOf, lock: Lock) -> None:
    browser = client_of(Role.NURSE, "west")
    lock()
    form = {"patient_id": "p9", "ward": "west", "bed": "9", "device_id": "d9"}
    answer = browser.post("/admissions/assign/", form)
    assert answer.status_code == 503
    assert b"go back and send it again" in answer.content
    assert b"refresh" not in answer.content


def test_the_interface_says_when_to_come_again_and_has_done_nothing(
    program_of: ClientOf, lock: Lock
) -> None:
    program = program_of(Role.NURSE, "west")
    lock()
    asked = {"device_id": "dev-west-1", "action": "pause_audio"}
    for answer in (
        program.get("/api/v1/beds/dev-west-1"),
        program.post("/api/v1/alarms/actions", asked, content_type="application/json"),
        program.get("/fhir/Observation"),
    ):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert not Outgoing.objects.exists()


@pytest.mark.usefixtures("room")
def test_a_session_that_cannot_be_read_is_no_fault_of_the_page(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser: Client = client_of(Role.NURSE, "west")
    browser.raise_request_exception = False
    monkeypatch.setattr(SessionStore, "load", _locked)
    answer = browser.get("/")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
