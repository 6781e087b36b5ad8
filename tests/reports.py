"""What alarms, bridges and processes report, with what a test cares about as arguments."""

from typing import Any

import msgspec

from stream_processors.records import AlarmEvent, DeviceStats, Heartbeat
from tests.results import START_US

_RAISED = AlarmEvent(
    event_id="e1",
    episode_id="abc123",
    transition_no=2,
    device_id="d1",
    assignment_id="a1",
    ward="west",
    bed="12",
    condition="tachycardia",
    kind="physiological",
    priority="medium",
    state_from="pending",
    state_to="active",
    transition="raised",
    at_us=START_US,
    cause="HR 142 > 120",
    actor="heartward",
    value=142.0,
    limit=120.0,
    rings=True,
)
_STATS = DeviceStats(
    device_id="d1",
    bridge="main",
    at_us=START_US,
    boot_id=7,
    last_received_us=START_US,
    stored_to_sample=0,
    sample_rate_hz=2000,
    chunks=1,
    duplicates=0,
    refused=0,
    reboots=0,
    missing_samples=0,
)
_BEAT = Heartbeat(
    process="worker", kind="audio", instance="w", pid=1, at_us=START_US, started_us=START_US
)


def alarm_event(**changes: Any) -> AlarmEvent:
    """A fast heart that begins to ring."""
    return msgspec.structs.replace(_RAISED, **changes)


def device_stats(**changes: Any) -> DeviceStats:
    """A device of which a bridge has heard one chunk."""
    return msgspec.structs.replace(_STATS, **changes)


def heartbeat(**changes: Any) -> Heartbeat:
    """A worker that has just started."""
    return msgspec.structs.replace(_BEAT, **changes)
