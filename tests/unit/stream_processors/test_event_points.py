"""Alarms, devices and processes become points that overwrite themselves and say what is meant."""

import math

import msgspec
import pytest

from ingest.chunk import DeviceStatus
from models.errors import RecordError
from stream_processors.event_points import alarm_line, heartbeat_line, stats_line, status_line
from stream_processors.line_protocol import parse
from tests.reports import alarm_event, device_stats, heartbeat

AT_US = 1_790_000_000_000_000


def test_an_open_alarm_sorts_by_priority_and_before_one_that_is_over() -> None:
    def urgency(priority: str, state: str) -> int:
        event = alarm_event(priority=priority, state_to=state)
        return int(parse(alarm_line(event)).fields["urgency"].rstrip("i"))

    opened = [urgency(priority, "active") for priority in ("high", "medium", "low")]
    assert opened == sorted(opened, reverse=True)
    assert min(opened) > urgency("high", "cleared") == urgency("high", "pending")


def test_two_transitions_of_one_moment_are_two_points_of_one_series() -> None:
    raised = alarm_event(transition_no=2)
    later = alarm_event(transition_no=3, state_to="acknowledged")
    first, second = parse(alarm_line(raised)), parse(alarm_line(later))
    assert first.tags == second.tags
    assert "episode_id" not in first.tags
    assert second.time_us == first.time_us + 1
    assert alarm_line(raised) == alarm_line(raised)


def test_an_answer_says_how_long_it_was_waited_for() -> None:
    answer = alarm_event(at_us=AT_US, transition="acknowledged")
    fields = parse(alarm_line(answer, rang_us=AT_US - 12_500_000)).fields
    assert float(fields["answered_s"]) == 12.5
    assert "answered_s" not in parse(alarm_line(answer)).fields


def test_an_alarm_says_how_long_it_took_from_its_cause_unless_that_was_long_ago() -> None:
    event = alarm_event(at_us=AT_US)
    fields = parse(alarm_line(event, published_us=AT_US + 12_500)).fields
    assert float(fields["delay_ms"]) == 12.5
    late = msgspec.structs.replace(event, late=True)
    assert "delay_ms" not in parse(alarm_line(late, published_us=AT_US + 12_500)).fields


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(RecordError, match="not finite: value nan"):
        alarm_line(alarm_event(value=math.nan))


def test_missing_sound_is_told_in_seconds_and_what_is_unknown_is_left_out() -> None:
    stats = device_stats(at_us=AT_US, missing_samples=3000, clock_offset_us=1500)
    _, tags, fields, time_us = parse(stats_line(stats))
    assert (tags, time_us) == ({"device": "d1"}, AT_US)
    assert float(fields["missing_s"]) == 1.5
    assert float(fields["clock_offset_ms"]) == 1.5
    assert "clock_drift_ppm" not in fields


def test_a_status_has_the_bridges_time_and_not_the_devices() -> None:
    status = DeviceStatus(state="online", boot_id=1, at_us=1, battery_fraction=0.5, contact=True)
    _, _, fields, time_us = parse(status_line("W-1", status, AT_US))
    assert time_us == AT_US
    assert (fields["online"], fields["contact"], float(fields["battery"])) == ("true", "true", 0.5)


def test_a_process_that_starts_again_goes_on_with_its_series() -> None:
    beats = [
        heartbeat(
            process="audio",
            instance=f"worker-{pid}",
            pid=pid,
            at_us=AT_US,
            started_us=AT_US - 2_000_000,
            lag={"pcg.audio/0": 3, "pcg.audio/1": 4},
            counters={"results": 5.0},
        )
        for pid in (11, 12)
    ]
    first, second = (parse(heartbeat_line(beat)) for beat in beats)
    assert first.tags == second.tags == {"process": "audio", "instance": "worker"}
    found = {name: float(first.fields[name].rstrip("i")) for name in ("lag", "lag_worst", "up_s")}
    assert found == {"lag": 7, "lag_worst": 4, "up_s": 2}
    assert float(first.fields["count_results"]) == 5
