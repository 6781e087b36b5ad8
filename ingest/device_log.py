"""All that was heard of one device while it was watched, in the order in which it was heard."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from ingest.chunk import AudioChunk, DeviceStatus, Lane


class HeardChunk(NamedTuple):
    """One chunk, `end` being the position after its last sample; its sound only as a digest."""

    at_us: int
    lane: Lane
    end: int
    chunk: AudioChunk

    @classmethod
    def of(cls, at_us: int, lane: Lane, chunk: AudioChunk, samples: int) -> "HeardChunk":
        digest = blake2b(chunk.samples, digest_size=16).digest()
        end = chunk.first_sample + samples
        return cls(at_us, lane, end, msgspec.structs.replace(chunk, samples=digest))

    @property
    def seq(self) -> int:
        return self.chunk.seq

    @property
    def first(self) -> int:
        return self.chunk.first_sample

    @property
    def lag_us(self) -> int:
        """Time of arrival by the device's sample count: least when nothing delayed the chunk."""
        return self.at_us - self.end * 1_000_000 // self.chunk.sample_rate_hz

    @property
    def clock_error_us(self) -> int:
        """How far the device's clock is ahead of ours, less what the chunk took to come."""
        samples = self.end - self.first
        lasted_us = samples * 1_000_000 // self.chunk.sample_rate_hz
        return self.chunk.captured_at_us + lasted_us - self.at_us


class HeardAck(NamedTuple):
    at_us: int
    stored_to: int


class HeardStatus(NamedTuple):
    at_us: int
    retained: bool
    status: DeviceStatus


class Interruption(NamedTuple):
    """From here on something may have been missed: the watcher itself was cut off."""

    at_us: int


@dataclass
class BootLog:
    """One power-up of the device: its chunks, and the bridge's acks for them."""

    boot_id: int
    events: list[HeardChunk | HeardAck | Interruption] = field(default_factory=list)

    @property
    def chunks(self) -> list[HeardChunk]:
        return [event for event in self.events if isinstance(event, HeardChunk)]

    @property
    def by_seq(self) -> list[HeardChunk]:
        """Every chunk once, as it was first heard, in order of its number."""
        return sorted({chunk.seq: chunk for chunk in reversed(self.chunks)}.values(), key=_seq)

    @property
    def stored_to(self) -> int:
        """The farthest that an ack has reached; 0 without any."""
        return max((e.stored_to for e in self.events if isinstance(e, HeardAck)), default=0)

    @property
    def rate_hz(self) -> int:
        return self.chunks[0].chunk.sample_rate_hz


@dataclass
class WatchLog:
    """Everything heard, boot by boot, and what was refused, in words."""

    device_id: str
    started_us: int
    boots: dict[int, BootLog] = field(default_factory=dict)
    statuses: list[HeardStatus] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    qos: dict[Lane, set[int]] = field(default_factory=dict)
    wrong_topics: list[str] = field(default_factory=list)
    wrong_payloads: list[str] = field(default_factory=list)
    wrong_lengths: list[str] = field(default_factory=list)
    retained_audio: list[str] = field(default_factory=list)

    @property
    def chunks(self) -> int:
        return sum(len(boot.chunks) for boot in self.heard_boots())

    @property
    def last_chunk_us(self) -> int:
        return max((boot.chunks[-1].at_us for boot in self.heard_boots()), default=0)

    def boot(self, boot_id: int) -> BootLog:
        return self.boots.setdefault(boot_id, BootLog(boot_id))

    def heard_boots(self) -> Iterator[BootLog]:
        """Boots of which there is sound; of some there may be an ack alone."""
        return (boot for boot in self.boots.values() if boot.chunks)


def _seq(chunk: HeardChunk) -> int:
    return chunk.seq
