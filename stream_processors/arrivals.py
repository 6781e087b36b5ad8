"""A record of the audio topics, decoded and checked: the pipeline's first step."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from ingest.chunk import decode_chunk, is_device_id, pcm
from ingest.traces import TRACEPARENT, Context
from models.errors import ChunkError, RecordError
from stream_processors.topics import RECEIVED_AT_HEADER

# Two bridges' clocks, or a bridge's and Kafka's, may differ by this much. More would carry the
# time of a whole partition into the future and release all of its devices.
_CLOCK_TOLERANCE_US = 60_000_000


class LogRecord(Protocol):
    """What the pipeline reads of a Kafka record; aiokafka's own type fits."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class LaneKey(NamedTuple):
    """Sound whose positions belong to one count: one device from one power-up at one rate."""

    device_id: str
    boot_id: int
    sample_rate_hz: int


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One chunk as it lies in the log.

    `samples` has shape (end_sample - first_sample,) and type int16.
    """

    offset: int
    received_at_us: int
    captured_at_us: int
    first_sample: int
    end_sample: int
    samples: npt.NDArray[np.int16]
    trace: Context | None = None


def read_arrival(record: LogRecord) -> tuple[LaneKey, Arrival]:
    """Decode and check a record.

    Raises
    ------
    BadInputError
        Naming what is wrong with it.
    """
    headers = dict(record.headers)
    received_at_us = arrival_us(headers, record.timestamp)
    device_id = device_of(record.key)
    if record.value is None:
        raise RecordError("the record has no value")
    chunk = decode_chunk(record.value)
    samples = pcm(chunk)
    arrival = Arrival(
        record.offset,
        received_at_us,
        chunk.captured_at_us,
        chunk.first_sample,
        chunk.first_sample + len(samples),
        samples,
        headers.get(TRACEPARENT),
    )
    return LaneKey(device_id, chunk.boot_id, chunk.sample_rate_hz), arrival


def arrival_us(headers: Mapping[str, bytes], timestamp_ms: int) -> int:
    """When a bridge received the chunk; raises `RecordError` where that cannot be."""
    text = headers.get(RECEIVED_AT_HEADER)
    if text is None:
        raise RecordError(f"the header {RECEIVED_AT_HEADER} is missing")
    # int() takes spaces, signs and underscores as well; the bridge writes none.
    if not text.isdigit() or len(text) > 16:
        raise RecordError(f"the header {RECEIVED_AT_HEADER} is {text[:40]!r}, not microseconds")
    received_at_us = int(text)
    if received_at_us > timestamp_ms * 1000 + _CLOCK_TOLERANCE_US:
        raise RecordError(
            f"the header {RECEIVED_AT_HEADER} is {received_at_us}, "
            f"later than the record itself ({timestamp_ms} ms)"
        )
    return received_at_us


def device_of(key: bytes | None) -> str:
    """Whose record it is; raises `ChunkError` where the key is no device's id."""
    try:
        device_id = (key or b"").decode("ascii")
    except UnicodeDecodeError:
        device_id = ""
    if not is_device_id(device_id):
        raise ChunkError(f"the key {(key or b'')[:80]!r} is not a device id")
    return device_id
