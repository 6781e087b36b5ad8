"""After an outage the ward hears what is true now, not what was true meanwhile."""

from stream_processors.alarms.machine import Tick
from tests.unit.stream_processors.alarms.bedside import HOP_S, SILENCE, Bedside, told

ABNORMAL = "finding/screen/abnormal"


def behind(*, windows: int) -> Bedside:
    """A bed of which so many windows come late, and then those in time."""
    bed = Bedside()
    bed.windows(4)
    bed.wall_s = bed.now_s + 30 + (windows + 0.1) * HOP_S
    return bed


def test_late_alarms_are_silent_and_say_so() -> None:
    bed = behind(windows=4)
    bed.windows(4, abnormal=0.9)
    assert told(bed.events) == ["pending", "raised"]
    assert all(event.late for event in bed.events)


def test_what_was_over_before_the_end_of_the_backlog_never_rings() -> None:
    bed = behind(windows=8)
    bed.windows(4, abnormal=0.9)
    bed.windows(8)
    assert told(bed.events) == ["pending", "raised", "cleared"]


def test_what_is_still_true_rings_with_the_first_window_in_time() -> None:
    bed = behind(windows=4)
    bed.windows(4, abnormal=0.9)
    events = bed.windows(1, abnormal=0.9)
    assert told(events) == ["rang*"]
    assert events[0].cause == "still so: screen abnormal 0.90 >= 0.84"
    assert events[0].strip is not None
    assert told(bed.windows(10, abnormal=0.9)) == []


def test_what_the_first_window_in_time_clears_does_not_ring() -> None:
    bed = behind(windows=5)
    bed.windows(4, abnormal=0.9)
    bed.windows(1)
    assert told(bed.windows(1)) == ["cleared"]


def test_it_rings_too_when_the_device_falls_silent_at_the_end_of_the_backlog() -> None:
    bed = behind(windows=4)
    bed.windows(4, abnormal=0.9)
    bed.now_s = bed.wall_s
    assert told(bed.wait(10)) == []
    assert told(bed.wait(1)) == ["rang*"]


def test_it_waits_while_old_results_go_on_coming() -> None:
    bed = behind(windows=4)
    bed.windows(4, abnormal=0.9)
    assert told(bed.give(Tick(None))) == []


def test_a_high_alarm_that_is_over_stays_visible_without_a_sound() -> None:
    bed = behind(windows=4)
    bed.status(contact=True)
    bed.windows(2, verdict="unusable", reasons=(SILENCE,))
    bed.windows(6)
    bed.wait(100)
    assert told(bed.events, "heart_lost") == ["pending", "raised", "latched"]


def test_history_changes_nothing_that_is_known_already() -> None:
    bed = Bedside()
    bed.index = 100
    bed.windows(2)
    bed.index = 50
    bed.windows(4, abnormal=0.9, late=True)
    assert bed.events == []


def test_history_that_comes_before_the_present_never_rings() -> None:
    bed = Bedside()
    bed.windows(3, abnormal=0.9, late=True)
    assert told(bed.events) == ["pending", "raised"]


def test_thirty_seconds_are_not_yet_late() -> None:
    bed = behind(windows=0)
    bed.windows(2, abnormal=0.9)
    assert told(bed.events) == ["pending", "raised*"]


def test_timers_missed_in_an_outage_change_the_state_and_ring_once_at_its_end() -> None:
    bed = Bedside(remind_medium_s=100, escalate_medium_s=50)
    bed.windows(2, abnormal=0.9)
    bed.act("acknowledge")
    bed.now_s += 600
    events = bed.windows(1, abnormal=0.9)
    assert told(events) == ["reminded", "rang*"]
    assert events[0].late
    assert not events[1].late


def test_an_offline_alarm_of_the_outage_is_not_raised() -> None:
    bed = behind(windows=2)
    bed.windows(2)
    bed.now_s = bed.wall_s
    bed.wait(5, whole_s=bed.now_s)
    bed.windows(2)
    assert bed.events == []
