"""A console that has just started: what it does not know yet is not what there is not."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.console.live import current
from dashboards.console.live.room import Room
from dashboards.console.outbox.models import Outgoing
from dashboards.console.people.access import Role
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import fill

pytestmark = pytest.mark.django_db

_ACKNOWLEDGE = {"device_id": "dev-west-1", "action": "acknowledge", "episode_id": "e1"}


@pytest.fixture
def starting(room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Nothing is read yet; nobody brings what is posted to Kafka."""
    room.filled.clear()
    monkeypatch.setattr("dashboards.console.live.current.PATIENCE_S", 0.05)
    monkeypatch.setattr("dashboards.console.api.live_views._STORED_WITHIN_S", 0.0)
    return room


def _acknowledge(program: Any) -> Any:
    return program.post("/api/v1/alarms/actions", _ACKNOWLEDGE, content_type="application/json")


@pytest.mark.usefixtures("starting")
def test_an_answer_to_an_alarm_is_asked_to_come_again_and_not_refused(
    program_of: ClientOf,
) -> None:
    answer = _acknowledge(program_of(Role.NURSE, "west"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "just started" in answer.json()["detail"]
    assert not Outgoing.objects.exists()


def test_an_answer_waits_for_the_ward_to_be_known(
    starting: Room, program_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.console.live.current.PATIENCE_S", 5.0)

    def known() -> None:
        fill(starting, ("west", 1))
        examples.raise_alarm(starting, examples.alarm_state(examples.episode()))
        starting.filled.set()

    threading.Timer(0.2, known).start()
    assert _acknowledge(program_of(Role.NURSE, "west")).status_code == 202
    assert Outgoing.objects.count() == 1


def test_who_may_is_judged_by_the_whole_ward_and_not_by_what_is_read_so_far(
    starting: Room, program_of: ClientOf
) -> None:
    """A status without its assignment would make the device look like nobody's."""
    fill(starting, ("east", 1))
    body = {"device_id": "dev-east-1", "action": "acknowledge"}
    ask: Callable[..., Any] = program_of(Role.NURSE, "west").post
    answer = ask("/api/v1/alarms/actions", body, content_type="application/json")
    assert answer.status_code == 503


@pytest.mark.usefixtures("starting")
@pytest.mark.parametrize("path", ["/beds/dev-west-1/", "/admissions/", "/history/handover/"])
def test_a_page_says_so_and_comes_again_by_itself(client_of: ClientOf, path: str) -> None:
    answer = client_of(Role.NURSE, "west").get(path)
    assert answer.status_code == 503
    assert b"just started" in answer.content
    assert b'http-equiv="refresh"' in answer.content


@pytest.mark.usefixtures("starting")
def test_health_answers_at_once(program_of: ClientOf) -> None:
    assert program_of(Role.VIEWER).get("/api/v1/health").status_code == 200


@pytest.mark.usefixtures("starting")
def test_views_find_the_room_in_any_state() -> None:
    assert not current.room().filled.is_set()
    with pytest.raises(current.NotYetError):
        current.filled_room()
