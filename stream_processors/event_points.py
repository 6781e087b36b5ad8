"""Alarms, devices and processes as points of InfluxDB's line protocol.

===============  =======================================  =====================================
measurement      tags                                     fields
===============  =======================================  =====================================
`alarm`          device ward bed condition priority       one transition of an alarm
`device`         device                                   battery, contact, gaps, duplicates,
                                                          clock offset and drift
`pipeline`       process instance                         lag, age, and all that it counts
===============  =======================================  =====================================

As for results, the time of a point comes from its record, so that a repetition overwrites it. A
device's own word of the time is not believed: its status has the bridge's.
"""

from ingest.chunk import DeviceStatus
from stream_processors.line_protocol import point
from stream_processors.records import AlarmEvent, DeviceStats, Heartbeat

ALARM, DEVICE, PIPELINE = "alarm", "device", "pipeline"

_PRIORITIES = ("low", "medium", "high")
_NOT_OPEN = frozenset({"pending", "cleared"})
_MOST_AT_ONCE = 1000  # transitions of one alarm that are told apart in one millisecond


def alarm_line(
    event: AlarmEvent, *, published_us: int | None = None, rang_us: int | None = None
) -> str:
    """One transition.

    An alarm can change more than once in a moment, so its transition's number is added to the
    time, as microseconds. `published_us` is when Kafka took it: from its cause to then is its
    delay, but of what came late. `rang_us` is when it first rang, for an answer to it.
    """
    return point(
        ALARM,
        {
            "device": event.device_id,
            "ward": event.ward,
            "bed": event.bed,
            "condition": event.condition,
            "priority": event.priority,
        },
        {
            "transition": event.transition,
            "state_from": event.state_from,
            "state_to": event.state_to,
            "urgency": _urgency(event),
            "cause": event.cause,
            "kind": event.kind,
            "actor": event.actor,
            "rings": event.rings,
            "late": event.late,
            "escalation": event.escalation,
            "value": None if event.value is None else float(event.value),
            "limit": None if event.limit is None else float(event.limit),
            "delay_ms": None if published_us is None else delay_ms(event, published_us),
            "answered_s": None if rang_us is None else (event.at_us - rang_us) / 1e6,
            "episode_id": event.episode_id,
            "transition_no": event.transition_no,
        },
        event.at_us + event.transition_no % _MOST_AT_ONCE,
    )


def delay_ms(event: AlarmEvent, published_us: int) -> float | None:
    """How long it took from its cause to Kafka; None of what came late."""
    return None if event.late else (published_us - event.at_us) / 1e3


def _urgency(event: AlarmEvent) -> int:
    """What a table can be sorted by: 3, 2 or 1 by priority, and 0 of an alarm that is not open."""
    return 0 if event.state_to in _NOT_OPEN else _PRIORITIES.index(event.priority) + 1


def stats_line(stats: DeviceStats) -> str:
    """What a bridge has counted of a device since the bridge started."""
    return point(
        DEVICE,
        {"device": stats.device_id},
        {
            "bridge": stats.bridge,
            "chunks": stats.chunks,
            "duplicates": stats.duplicates,
            "refused": stats.refused,
            "reboots": stats.reboots,
            "missing_s": stats.missing_samples / stats.sample_rate_hz,
            "clock_offset_ms": None
            if stats.clock_offset_us is None
            else stats.clock_offset_us / 1e3,
            "clock_drift_ppm": stats.clock_drift_ppm,
        },
        stats.at_us,
    )


def status_line(device_id: str, status: DeviceStatus, received_us: int) -> str:
    """What a device says of itself."""
    return point(
        DEVICE,
        {"device": device_id},
        {
            "online": status.state == "online",
            "battery": _float(status.battery_fraction),
            "contact": status.contact,
            "signal_dbm": _float(status.signal_dbm),
            "buffer_fill": _float(status.buffer_fill_fraction),
            "firmware": status.firmware,
        },
        received_us,
    )


def heartbeat_line(beat: Heartbeat) -> str:
    """How a process does; by default its name ends in its number, which is no part of who it is."""
    lags = beat.lag.values()
    return point(
        PIPELINE,
        {"process": beat.kind, "instance": beat.instance.removesuffix(f"-{beat.pid}")},
        {
            "up_s": (beat.at_us - beat.started_us) / 1e6,
            "partitions": len(beat.partitions),
            "lag": sum(lags),
            "lag_worst": max(lags, default=0),
        }
        | {f"count_{name}": float(value) for name, value in beat.counters.items()},
        beat.at_us,
    )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
