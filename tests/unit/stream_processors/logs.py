"""Logs of an audio partition for tests, made record by record."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.chunk import AudioChunk, encode
from stream_processors.arrivals import Arrival
from stream_processors.topics import CHUNK_SCHEMA, RECEIVED_AT_HEADER, SCHEMA_HEADER

START_US = 1_750_000_000_000_000
BOOT_ID = 7


class Record(NamedTuple):
    """Has what the pipeline reads of a Kafka record."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Sent(NamedTuple):
    """One chunk as a device sends it; `received_s` counts from the log's beginning."""

    device_id: str
    first_sample: int
    samples: npt.NDArray[np.int16]
    received_s: float
    boot_id: int = BOOT_ID
    sample_rate_hz: int = 2000
    captured_at_us: int | None = None


def sound(first_sample: int, samples: int, seed: int = 0) -> npt.NDArray[np.int16]:
    """Sound that is a function of its position, so that two pieces of it agree."""
    positions = np.arange(first_sample, first_sample + samples, dtype=np.int64)
    return ((positions * 7919 + seed * 104729) % 8191 - 4095).astype(np.int16)


def sent(
    device_id: str, first_s: float, duration_s: float, received_s: float, rate: int = 2000
) -> Sent:
    """A chunk of `sound`."""
    first = round(first_s * rate)
    samples = sound(first, round(duration_s * rate))
    return Sent(device_id, first, samples, received_s, sample_rate_hz=rate)


def record_of(chunk: Sent, offset: int, *, start_us: int = START_US) -> Record:
    received_at_us = start_us + round(chunk.received_s * 1e6)
    captured_at_us = chunk.captured_at_us
    if captured_at_us is None:
        captured_at_us = start_us + chunk.first_sample * 1_000_000 // chunk.sample_rate_hz
    value = encode(
        AudioChunk(
            boot_id=chunk.boot_id,
            seq=0,
            first_sample=chunk.first_sample,
            kept_from_sample=0,
            captured_at_us=captured_at_us,
            sample_rate_hz=chunk.sample_rate_hz,
            samples=chunk.samples.tobytes(),
        )
    )
    return Record(
        offset=offset,
        timestamp=received_at_us // 1000,
        key=chunk.device_id.encode(),
        value=value,
        headers=(
            (RECEIVED_AT_HEADER, str(received_at_us).encode()),
            (SCHEMA_HEADER, CHUNK_SCHEMA),
        ),
    )


def log_of(chunks: Iterable[Sent]) -> list[Record]:
    return [record_of(chunk, offset) for offset, chunk in enumerate(chunks)]


def arrival(first_sample: int, samples: int, *, offset: int = 0, received_s: float = 0) -> Arrival:
    """A decoded chunk of `sound`."""
    received_at_us = START_US + round(received_s * 1e6)
    return Arrival(
        offset=offset,
        received_at_us=received_at_us,
        captured_at_us=received_at_us,
        first_sample=first_sample,
        end_sample=first_sample + samples,
        samples=sound(first_sample, samples),
    )
