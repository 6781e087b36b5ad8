"""A console that is killed in the middle of a shift loses nothing and doubles nothing."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded import free_port
from stream_processors.records import AlarmAction, AlarmEvent, WindowResult, identity
from stream_processors.topics import ALARM_ACTIONS, ALARMS, RESULTS
from tests import kafka_log
from tests.console_stack import Stack, running
from tests.waiting import until

BEDS = 3
_PULLED_AT_ONCE_S = 1.5


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path, "--beds", str(BEDS), "--port", str(free_port())) as started:
        yield started


def _provoke(stack: Stack) -> Any:
    """Make the rate of the fastest heart an alarm; returns the alarm once it is open."""
    until(lambda: len(stack.every("/api/v1/assignments")) == BEDS, "beds are known", timeout_s=20)
    fastest = max(stack.get("/api/v1/beds"), key=lambda bed: bed["rate_bpm"] or 0)
    limits = {"tachycardia_bpm": 60, "bradycardia_bpm": 35, "rate_k": 1, "rate_n": 1}
    stack.put(f"/api/v1/assignments/{fastest['assignment_id']}/limits", {"limits": limits})
    found: list[Any] = []

    def is_open() -> bool:
        alarms = stack.get("/api/v1/alarms")
        found[:] = [alarm for alarm in alarms if alarm["condition"] == "tachycardia"]
        return bool(found)

    until(is_open, "an alarm", timeout_s=20)
    return found[0]


def _kill_console(stack: Stack) -> None:
    stack.part("console.serve").kill()
    time.sleep(_PULLED_AT_ONCE_S)
    until(stack.is_up, "the console is up again", timeout_s=30)


def _stored(stack: Stack) -> list[tuple[str, int, int]]:
    rows = stack.every("/api/v1/results")
    return [(row["device_id"], row["boot_id"], row["window_index"]) for row in rows]


def test_killed_again_and_again_it_has_every_result_alarm_and_answer_once(stack: Stack) -> None:
    assert stack.wait_for_beds(BEDS, within_s=30) < 15
    until(lambda: stack.get("/api/v1/health")["status"] == "ok", "all is well", timeout_s=10)
    alarm = _provoke(stack)
    asked = {
        "device_id": alarm["device_id"],
        "episode_id": alarm["episode_id"],
        "action": "acknowledge",
        "action_id": "the-one-and-only",
    }
    assert stack.post("/api/v1/alarms/actions", asked)["stored"]
    for _ in range(3):
        _kill_console(stack)
        # As a page does that got no answer: at once, before the console can know its ward.
        stack.post("/api/v1/alarms/actions", asked)
    stack.wait_for_beds(BEDS, within_s=30)
    time.sleep(5)
    stack.part("ingest.simulator").suspend()
    try:
        kafka = stack.kafka()
        time.sleep(3)
        published = {identity(r) for r in kafka_log.records(kafka, RESULTS, WindowResult)}
        until(lambda: len(_stored(stack)) >= len(published), "all is stored", timeout_s=20)
        stored = _stored(stack)
        assert len(stored) == len(set(stored))
        assert set(stored) == published
        events = {e.event_id for e in kafka_log.records(kafka, ALARMS, AlarmEvent)}
        history = "/api/v1/alarms/history"
        until(lambda: len(stack.every(history)) >= len(events), "so are alarms", timeout_s=20)
        transitions = stack.every(history)
        assert sorted(row["event_id"] for row in transitions) == sorted(events)
        of_alarm = [r for r in transitions if r["episode_id"] == alarm["episode_id"]]
        answers = [r["actor"] for r in of_alarm if r["transition"] == "acknowledged"]
        assert answers == [stack.user]
        actions = kafka_log.records(kafka, ALARM_ACTIONS, AlarmAction)
        assert {action.action_id for action in actions} == {"the-one-and-only"}
    finally:
        stack.part("ingest.simulator").resume()
