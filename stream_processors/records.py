"""Every record on a Kafka topic, but for the wire's own (`ingest.chunk`).

Values are MessagePack maps. A reader takes the current and the previous version of a record;
`decode` refuses the rest. Times are UTC microseconds, keys are the device's id unless said
otherwise.
"""

from itertools import pairwise
from typing import Any, Literal, TypeVar

import msgspec

from models.errors import RecordError
from models.rhythm import Heart, TrackedRate
from models.verdict import Verdict

RECORD_VERSION = 1
_READABLE_VERSIONS = (RECORD_VERSION,)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    v: int = RECORD_VERSION


class Assignment(Record, frozen=True, kw_only=True):
    """Who wore a device, and where, from when to when; key `assignment_id`, topic compacted."""

    assignment_id: str
    device_id: str
    patient_id: str
    ward: str
    bed: str
    from_us: int
    until_us: int | None = None
    limits: dict[str, float] = {}


class ModelChoice(Record, frozen=True, kw_only=True):
    """Which version of a task's model runs, and in what role; key `task`, or ``task/shadow``."""

    task: str
    model: str
    version: str
    role: Literal["active", "shadow", "off"]


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How far the sound can be trusted; reasons are plain words."""

    score: float
    verdict: Verdict
    reasons: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one model says of one window; `label` is the likeliest, `abstained` takes it back.

    `embedding_distance` is how far the window is from what the model was validated on, about 1 for
    what is like it; None where the model does not tell.
    """

    model: str
    version: str
    label: str
    probability: float
    probabilities: dict[str, float]
    abstained: bool = False
    shadow: bool = False
    embedding_distance: float | None = None


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """Filtered sound of the window's last hop, int16 little endian; 32767 is `full_scale`."""

    sample_rate_hz: int
    full_scale: float
    samples: bytes


class AudioReference(msgspec.Struct, frozen=True, kw_only=True):
    """Where in Kafka the window's chunks lie, so that they can be found again and heard."""

    topic: str
    partition: int
    first_offset: int
    last_offset: int


class StageTimes(msgspec.Struct, frozen=True, kw_only=True):
    """When the window's last needed chunk passed each stage.

    `captured_us` is the device's own clock at the end of that chunk; the others are wall clocks
    of ours. Publication is the Kafka timestamp of the record itself.
    """

    captured_us: int
    received_us: int
    windowed_us: int
    inferred_us: int


class WindowResult(Record, frozen=True, kw_only=True):
    """One window of one device.

    (`device_id`, `boot_id`, `window_index`) is its identity: window k covers the device's
    samples from k hops to k hops + one window since power-up. `start_us` is the estimated true
    time of its first sample, a function of the window's own chunks alone.
    """

    device_id: str
    boot_id: int
    window_index: int
    start_us: int
    window_s: float
    gap_fraction: float
    late: bool
    assignment_id: str | None = None
    patient_id: str | None = None
    ward: str | None = None
    bed: str | None = None
    quality: Quality
    heart: Heart | None = None
    findings: tuple[Finding, ...]
    strip: Strip
    audio: AudioReference
    stages: StageTimes


class DeviceStats(Record, frozen=True, kw_only=True):
    """What a bridge has seen of one device since the bridge started.

    `clock_offset_us` is the device's clock minus true time as estimated from the least delayed
    chunks; `clock_drift_ppm` its rate of change. Both are shown, never silently trusted.
    """

    device_id: str
    bridge: str
    at_us: int
    boot_id: int
    last_received_us: int
    stored_to_sample: int
    sample_rate_hz: int
    chunks: int
    duplicates: int
    refused: int
    reboots: int
    missing_samples: int
    clock_offset_us: int | None = None
    clock_drift_ppm: float | None = None


AlarmKind = Literal["physiological", "technical"]
Priority = Literal["high", "medium", "low"]


class AlarmEvent(Record, frozen=True, kw_only=True):
    """One transition of one alarm episode; the log of them is append-only.

    `event_id` is a hash of episode and transition number: a repetition has the same one and the
    same bytes. `transition` names what happened, `rings` says that sound begins with it.
    `due_us` is the time for which a timer was set, `until_us` the visible end of a pause, a shelf
    or a standby. `late` events tell of the past and never ring.
    """

    event_id: str
    episode_id: str
    transition_no: int
    device_id: str
    assignment_id: str | None
    condition: str
    kind: AlarmKind
    priority: Priority
    state_from: str
    state_to: str
    at_us: int
    due_us: int | None = None
    cause: str
    actor: str
    late: bool = False
    audio: AudioReference | None = None
    strip: Strip | None = None
    transition: str = ""
    rings: bool = False
    escalation: int = 0
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    until_us: int | None = None
    patient_id: str | None = None
    ward: str | None = None
    bed: str | None = None


class AlarmAction(Record, frozen=True, kw_only=True):
    """What a person asks of an alarm or a device; written by the console alone.

    The key is the device's id. With `episode_id` it means that alarm, without it all of the
    device. `until_us` is the end that the person chose, within the limits.
    """

    action_id: str
    action: Literal["acknowledge", "pause_audio", "resume", "shelve", "standby"]
    episode_id: str | None = None
    device_id: str | None = None
    until_us: int | None = None
    actor: str
    at_us: int


class Heartbeat(Record, frozen=True, kw_only=True):
    """Every 2 s from every process; key ``_pipeline/INSTANCE``.

    `partitions` are the assigned ones as ``topic/number``; `lag` the records behind the end of
    those of which Kafka has told it; `counters` only ever grow while the process lives.
    """

    process: str
    kind: Literal["bridge", "audio", "alarms", "influx", "console", "simulator", "drift"]
    instance: str
    pid: int
    at_us: int
    started_us: int
    partitions: tuple[str, ...] = ()
    lag: dict[str, int] = {}
    counters: dict[str, float] = {}


class DeadLetter(Record, frozen=True, kw_only=True):
    """What was refused, whole, with the reason; `topic` may be an MQTT or a Kafka topic."""

    at_us: int
    stage: str
    reason: str
    topic: str
    partition: int | None = None
    offset: int | None = None
    device_id: str | None = None
    payload: bytes


class AlarmCount(msgspec.Struct, frozen=True, kw_only=True):
    """What the last windows said of one condition, oldest first: + for it, - against it, =."""

    said: str
    at_us: int


class AlarmEpisode(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that is not over; the last event of it in few words, and its timers."""

    episode_id: str
    condition: str
    kind: AlarmKind
    priority: Priority
    state: Literal["pending", "active", "latched", "acknowledged", "shelved"]
    transition_no: int
    began_us: int
    cause: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    rang: bool = False
    escalation: int = 0
    remind_us: int | None = None
    escalate_us: int | None = None
    until_us: int | None = None


class AlarmState(Record, frozen=True, kw_only=True):
    """All that the alarm worker knows of one device; key `device_id`, topic compacted.

    `owner_us` is when the worker that wrote it took the partition over, `clock_us` the latest
    time that it has been told. `boots` are (boot_id, last window_index), the present boot last;
    `counted_us` is when the last window that counted was received, `begun` the number of alarms
    so far, `rate` and `usual_peak` the heart rate over the windows of this assignment, and how loud
    they are. From `watched_us` on the
    device must be heard. `outbox` are events that may not be on their topic yet.
    """

    device_id: str
    owner_us: int = 0
    clock_us: int = 0
    assignment_id: str | None = None
    patient_id: str | None = None
    ward: str | None = None
    bed: str | None = None
    watched_us: int = 0
    begun: int = 0
    boots: tuple[tuple[int, int], ...] = ()
    counted_us: int = 0
    heard_us: int = 0
    late_us: int = 0
    contact: bool | None = None
    rate: TrackedRate | None = None
    usual_peak: float | None = None
    counts: dict[str, AlarmCount] = {}
    episodes: tuple[AlarmEpisode, ...] = ()
    shelves: dict[str, int] = {}
    actions: tuple[str, ...] = ()
    outbox: tuple[AlarmEvent, ...] = ()


AnyRecord = TypeVar("AnyRecord", bound=Record)

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type[Record], msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(kind)
    for kind in (
        Assignment,
        ModelChoice,
        WindowResult,
        DeviceStats,
        AlarmEvent,
        AlarmAction,
        AlarmState,
        Heartbeat,
        DeadLetter,
    )
}


def encode(record: Record) -> bytes:
    return _encoder.encode(record)


def decode(kind: type[AnyRecord], value: bytes) -> AnyRecord:
    """Read a record of the given kind.

    Raises
    ------
    RecordError
        If the bytes are not such a record or are of a version that this reader does not know.
    """
    try:
        record: AnyRecord = _decoders[kind].decode(value)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise RecordError(f"{len(value)} bytes are not a {kind.__name__}: {error}") from None
    if record.v not in _READABLE_VERSIONS:
        raise RecordError(f"{kind.__name__} version {record.v} is not one of {_READABLE_VERSIONS}")
    return record


def identity(result: WindowResult) -> tuple[str, int, int]:
    """What makes two results the same window: (device_id, boot_id, window_index)."""
    return result.device_id, result.boot_id, result.window_index


STAGES = (
    "capture_to_received",
    "received_to_windowed",
    "windowed_to_inferred",
    "inferred_to_published",
    "end_to_end",
)

END_TO_END_AIM_MS = 500.0
"""Of 100 windows 99 shall take no longer from their last chunk's arrival at the bridge to Kafka.

Until a page has painted a result is the console's own aim, and in none of these stages.
"""


def stage_latencies_ms(stages: StageTimes, published_us: int) -> tuple[float, ...]:
    """Milliseconds in the order of `STAGES`; the first depends on the device's own clock."""
    times_us = (
        stages.captured_us,
        stages.received_us,
        stages.windowed_us,
        stages.inferred_us,
        published_us,
    )
    steps = [(after - before) / 1000 for before, after in pairwise(times_us)]
    return (*steps, (published_us - stages.received_us) / 1000)
