"""The table shows the most urgent alarm that is open, in words and stars."""

from dashboards.terminal.open_alarms import OpenAlarms
from stream_processors.records import AlarmEvent, Priority
from tests.reports import alarm_event


def event(
    condition: str, no: int, state_to: str, *, priority: Priority = "medium", episode: str = "e"
) -> AlarmEvent:
    return alarm_event(
        event_id=f"{condition}-{episode}-{no}",
        episode_id=f"{condition}-{episode}",
        transition_no=no,
        condition=condition,
        priority=priority,
        state_to=state_to,
        at_us=no,
    )


def worst(*events: AlarmEvent) -> str | None:
    alarms = OpenAlarms()
    for one in events:
        alarms.take(one)
    alarm = alarms.worst("d1")
    return None if alarm is None else alarm.condition


def test_pending_and_cleared_alarms_are_not_shown() -> None:
    assert worst(event("a", 1, "pending")) is None
    assert worst(event("a", 1, "active"), event("a", 2, "cleared")) is None


def test_the_higher_priority_is_shown() -> None:
    low, high = event("a", 1, "active", priority="low"), event("b", 1, "latched", priority="high")
    assert worst(low, high) == "b"


def test_what_nobody_has_answered_comes_before_what_somebody_has() -> None:
    answered = event("a", 2, "acknowledged", priority="high")
    assert worst(answered, event("b", 1, "active", priority="low")) == "b"


def test_repetitions_and_old_events_change_nothing() -> None:
    first, last = event("a", 1, "active"), event("a", 2, "cleared")
    assert worst(first, last, first) is None
    assert worst(event("a", 5, "active", episode="f"), last) == "a"
