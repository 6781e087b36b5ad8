"""What a page is shown: one definition for the live feed, the interface and the tests.

Times are UTC microseconds. Every picture is encoded once, however many pages look at it.
"""

from typing import Literal

import msgspec

Standing = Literal["alarm", "offline", "silent", "poor", "waiting", "standby", "abnormal", "normal"]
URGENCY: tuple[Standing, ...] = (
    *("alarm", "offline", "silent", "abnormal", "poor", "waiting", "standby", "normal"),
)


class AlarmPicture(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that is open. `sounds` says whether it should be heard now."""

    episode_id: str
    device_id: str
    condition: str
    title: str
    kind: str
    priority: str
    state: str
    cause: str
    began_us: int
    escalation: int
    sounds: bool
    until_us: int | None = None
    ward: str | None = None
    bed: str | None = None
    patient_id: str | None = None


class ShelfPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that is shelved and does not hold: what it raises until then is silent.

    `resume` with `shelf_id` as its `episode_id` takes it back.
    """

    shelf_id: str
    condition: str
    title: str
    until_us: int


class BedPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A device as its tile shows it, on a bed or on none.

    `published_us` is when Kafka got the latest result, `window_end_us` the end of its sound.
    `urgency` orders tiles, the smallest first; `paused_until_us` and `standby_until_us` are ends
    of an audio pause and of a standby.
    """

    device_id: str
    standing: Standing
    urgency: int
    ward: str | None = None
    bed: str | None = None
    patient_id: str | None = None
    assignment_id: str | None = None
    published_us: int | None = None
    window_end_us: int | None = None
    rate_bpm: float | None = None
    rate_confidence: float | None = None
    finding: str | None = None
    probability: float | None = None
    abstained: bool = True
    model: str | None = None
    verdict: str | None = None
    quality: float | None = None
    reasons: tuple[str, ...] = ()
    gap_fraction: float = 0.0
    latency_ms: float | None = None
    online: bool | None = None
    contact: bool | None = None
    battery_fraction: float | None = None
    signal_dbm: float | None = None
    firmware: str | None = None
    paused_until_us: int | None = None
    standby_until_us: int | None = None
    alarms: tuple[AlarmPicture, ...] = ()
    shelves: tuple[ShelfPicture, ...] = ()


class StripPicture(msgspec.Struct, frozen=True, kw_only=True):
    """Filtered sound of one hop; sounds are in seconds from the strip's start.

    `samples` is base64 of int8 in the feed of a ward, of int16 little endian in that of one bed.
    """

    device_id: str
    boot_id: int
    index: int
    start_us: int
    sample_rate_hz: float
    samples: str
    full_scale: float
    s1_s: tuple[float, ...] = ()
    s2_s: tuple[float, ...] = ()


class PulsePicture(msgspec.Struct, frozen=True, kw_only=True):
    """Once a second: the server's time, and what of the monitoring itself is missing."""

    server_us: int
    lost: tuple[str, ...] = ()
    kafka_silent_s: float = 0.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a page needs to begin with."""

    server_us: int
    beds: tuple[BedPicture, ...]
    strips: tuple[StripPicture, ...]
    pipeline: tuple[AlarmPicture, ...] = ()
    lost: tuple[str, ...] = ()
