"""Every point that a ward of some beds can have: one of each kind, for counting series."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ingest.chunk import DeviceStatus
from models.contract import ModelContract
from models.rhythm import Heart
from stream_processors.alarms import conditions as known
from stream_processors.drift_points import DriftInterval
from stream_processors.event_points import alarm_line, heartbeat_line, stats_line, status_line
from stream_processors.points import lines
from stream_processors.records import (
    AlarmEvent,
    AudioReference,
    DeviceStats,
    Finding,
    Heartbeat,
    Priority,
    Quality,
    StageTimes,
    Strip,
    WindowResult,
)

_CONDITIONS = (
    known.TACHYCARDIA,
    known.BRADYCARDIA,
    known.HEART_LOST,
    known.POOR_SIGNAL,
    known.OFFLINE,
    known.LOW_BATTERY,
    known.CLOCK_OFF,
    known.LIMITS_REFUSED,
    known.STANDBY,
)
# An audio pause has that of the worst alarm which it silences.
_PRIORITIES: tuple[Priority, ...] = ("high", "medium", "low")
_BEDS_A_WARD = 30
_Kind = Literal["bridge", "audio", "alarms", "influx", "console"]
_PROCESSES: tuple[tuple[_Kind, int], ...] = (
    ("bridge", 2),
    ("audio", 4),
    ("alarms", 2),
    ("influx", 2),
    ("console", 1),
)


def sample(beds: int, contracts: Sequence[ModelContract]) -> Iterator[str]:
    """Points of a ward where each device has raised every alarm that there is.

    Parameters
    ----------
    contracts
        Models that run on every window, in service or in shadow.
    """
    findings = tuple(_finding(c, shadow=False) for c in contracts)
    shadows = tuple(_finding(c, shadow=True) for c in contracts)
    alarms = _CONDITIONS + tuple(
        f"{known.FINDING}/{c.name}/{label}" for c in contracts for label in c.labels
    )
    interval = DriftInterval()
    for number in range(beds):
        result = _result(number, (*findings, *shadows))
        interval.take(result)
        yield from lines(result, 1)
        yield from (alarm_line(_alarm(result, condition)) for condition in alarms)
        yield from (alarm_line(_alarm(result, known.AUDIO_PAUSE, each)) for each in _PRIORITIES)
        yield stats_line(_stats(result.device_id))
        yield status_line(result.device_id, _STATUS, 1)
    yield from interval.lines({}, at_us=0)
    for kind, instances in _PROCESSES:
        for number in range(instances):
            yield heartbeat_line(
                Heartbeat(
                    process=kind,
                    kind=kind,
                    instance=f"{kind}-{number}",
                    pid=0,
                    at_us=1,
                    started_us=0,
                    counters={"results": 0.0},
                )
            )


_STATUS = DeviceStatus(
    state="online",
    boot_id=1,
    at_us=1,
    battery_fraction=1.0,
    contact=True,
    signal_dbm=-60.0,
    buffer_fill_fraction=0.0,
    firmware="1",
)


def _finding(contract: ModelContract, *, shadow: bool) -> Finding:
    label, *_ = contract.labels
    return Finding(
        model=contract.name,
        version=contract.version,
        label=label,
        probability=1.0,
        probabilities=dict.fromkeys(contract.labels, 1.0),
        shadow=shadow,
    )


def _result(number: int, findings: tuple[Finding, ...]) -> WindowResult:
    return WindowResult(
        device_id=f"wearable-{number:06}",
        boot_id=1,
        window_index=0,
        start_us=0,
        window_s=5.0,
        gap_fraction=0.0,
        late=False,
        ward=f"ward-{number // _BEDS_A_WARD}",
        bed=f"bed-{number}",
        quality=Quality(score=1.0, verdict="good"),
        heart=Heart(rate_bpm=70.0, confidence=1.0, s1_s=(), s2_s=()),
        findings=findings,
        strip=Strip(sample_rate_hz=500, full_scale=1.0, samples=b""),
        audio=AudioReference(topic="", partition=0, first_offset=0, last_offset=0),
        stages=StageTimes(captured_us=0, received_us=0, windowed_us=0, inferred_us=0),
    )


def _alarm(result: WindowResult, condition: str, priority: Priority = "medium") -> AlarmEvent:
    return AlarmEvent(
        event_id="",
        episode_id="",
        transition_no=1,
        device_id=result.device_id,
        assignment_id=None,
        ward=result.ward,
        bed=result.bed,
        condition=condition,
        kind=known.kind_of(condition),
        priority=priority,
        state_from="inactive",
        state_to="active",
        at_us=0,
        cause="",
        actor="",
        value=0.0,
        limit=0.0,
    )


def _stats(device_id: str) -> DeviceStats:
    return DeviceStats(
        device_id=device_id,
        bridge="main",
        at_us=0,
        boot_id=1,
        last_received_us=0,
        stored_to_sample=0,
        sample_rate_hz=2000,
        chunks=0,
        duplicates=0,
        refused=0,
        reboots=0,
        missing_samples=0,
        clock_offset_us=0,
        clock_drift_ppm=0.0,
    )
