"""Alarms, devices and processes become points that overwrite themselves and say what is meant."""

import math

import msgspec
import pytest

from ingest.chunk import DeviceStatus
from models.errors import RecordError
from stream_processors.event_points import alarm_line, heartbeat_line, stats_line, status_line
from stream_processors.line_protocol import parse
from stream_processors.records import AlarmEvent, DeviceStats, Heartbeat

AT_US = 1_790_000_000_000_000
EVENT = AlarmEvent(
    event_id="e",
    episode_id="p",
    transition_no=2,
    device_id="W-1",
    assignment_id="a",
    condition="tachycardia",
    kind="physiological",
    priority="high",
    state_from="pending",
    state_to="active",
    at_us=AT_US,
    cause="HR 140 > 120",
    actor="",
    ward="west",
    bed="7",
    value=140.0,
    limit=120.0,
)
STATS = DeviceStats(
    device_id="W-1",
    bridge="main",
    at_us=AT_US,
    boot_id=1,
    last_received_us=AT_US,
    stored_to_sample=0,
    sample_rate_hz=2000,
    chunks=9,
    duplicates=1,
    refused=0,
    reboots=0,
    missing_samples=3000,
    clock_offset_us=1500,
    clock_drift_ppm=None,
)


def test_an_open_alarm_sorts_by_priority_and_before_one_that_is_over() -> None:
    def urgency(priority: str, state: str) -> int:
        event = msgspec.structs.replace(EVENT, priority=priority, state_to=state)
        return int(parse(alarm_line(event)).fields["urgency"].rstrip("i"))

    opened = [urgency(priority, "active") for priority in ("high", "medium", "low")]
    assert opened == sorted(opened, reverse=True)
    assert min(opened) > urgency("high", "cleared") == urgency("high", "pending")


def test_two_transitions_of_one_moment_are_two_points_of_one_series() -> None:
    later = msgspec.structs.replace(EVENT, transition_no=3, state_to="acknowledged")
    first, second = parse(alarm_line(EVENT)), parse(alarm_line(later))
    assert first.tags == second.tags
    assert "episode_id" not in first.tags
    assert second.time_us == first.time_us + 1
    assert alarm_line(EVENT) == alarm_line(EVENT)


def test_an_answer_says_how_long_it_was_waited_for() -> None:
    fields = parse(alarm_line(EVENT, rang_us=AT_US - 12_500_000)).fields
    assert float(fields["answered_s"]) == 12.5
    assert "answered_s" not in parse(alarm_line(EVENT)).fields


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(RecordError, match="not finite: value nan"):
        alarm_line(msgspec.structs.replace(EVENT, value=math.nan))


def test_missing_sound_is_told_in_seconds_and_what_is_unknown_is_left_out() -> None:
    _, tags, fields, time_us = parse(stats_line(STATS))
    assert (tags, time_us) == ({"device": "W-1"}, AT_US)
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
        Heartbeat(
            process="audio",
            kind="audio",
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
