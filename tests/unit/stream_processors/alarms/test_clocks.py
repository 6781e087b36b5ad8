"""Clocks of others that are wrong by years cannot stop a device's alarms."""

import msgspec

from stream_processors.alarms.machine import step
from stream_processors.alarms.turn import Moment
from stream_processors.records import AlarmAction, StageTimes
from tests.unit.stream_processors.alarms.bedside import ANN, QUICK, Bedside, told, us, window

YEAR_S = 365 * 86_400.0


def test_an_action_dated_years_ahead_carries_no_clock_away() -> None:
    bed = Bedside(escalate_medium_s=60)
    action = AlarmAction(action_id="x", action="pause_audio", actor="nurse", at_us=us(YEAR_S))
    moment = Moment(us(YEAR_S), us(1), ANN, QUICK)
    bed.state, events, _ = step(bed.state, action, moment)
    assert events[0].until_us == us(121)
    bed.wait(130)
    bed.windows(2, abnormal=0.9)
    bed.wait(61)
    assert told(bed.events)[-2:] == ["raised*", "escalated"]


def test_a_bridge_whose_clock_is_years_ahead_does_not_hide_a_silent_device() -> None:
    bed = Bedside()
    bed.now_s = 10
    ahead = StageTimes(captured_us=0, received_us=us(YEAR_S), windowed_us=0, inferred_us=0)
    bed.give(msgspec.structs.replace(window(0, at_s=10), stages=ahead))
    bed.wait(31, whole_s=0)
    assert told(bed.events) == ["raised*"]
    assert bed.events[0].condition == "offline"


def test_a_device_that_starts_anew_counts_after_such_a_clock_was_set_right() -> None:
    bed = Bedside()
    bed.now_s = 10
    ahead = StageTimes(captured_us=0, received_us=us(YEAR_S), windowed_us=0, inferred_us=0)
    bed.give(msgspec.structs.replace(window(5, at_s=10), stages=ahead))
    bed.index = 0
    bed.windows(2, abnormal=0.9, boot_id=8)
    assert told(bed.events) == ["pending", "raised*"]
