"""Raw sound of a device between two times, found in Kafka by the offsets in its results."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from django.db.models import Max, Min

from dashboards.console.history.models import Window
from ingest.chunk import AudioChunk, decode_chunk, pcm
from ingest.connections import KafkaConnection
from models.contract import PIPELINE_GRID
from models.errors import ChunkError

_TIMEOUT_S = 5.0
_LOOK_EVERY_S = 0.2
_MOST_RECORDS = 200_000


class SoundError(Exception):
    """In one line, why there is no such sound."""


@dataclass(frozen=True)
class Sound:
    """Shape (n,), int16; what is missing is silence, and its share is told."""

    samples: npt.NDArray[np.int16]
    sample_rate_hz: int
    start_us: int
    missing_fraction: float


class _Span(NamedTuple):
    topic: str
    partition: int
    first: int
    last: int


class SoundFinder:
    """Reads the log; joins no group."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka

    def raw(self, device_id: str, patient_id: str, from_us: int, until_us: int) -> Sound:
        """The sound as the device sent it while this patient wore it; nobody is ``""``.

        Where somebody else wore it, too, it begins and ends with this patient's own windows.

        Raises
        ------
        SoundError
            When no result says where it lies, or Kafka holds it no longer.
        """
        of_device = Window.objects.filter(
            device_id=device_id, start_us__gt=from_us - 6_000_000, start_us__lt=until_us
        )
        windows = of_device.filter(patient_id=patient_id)
        spans = _spans(windows)
        if not spans:
            raise SoundError("no result says where this sound lies")
        if of_device.exclude(patient_id=patient_id).exists():
            from_us, until_us = _narrowed(windows, from_us, until_us)
        placed = _placed(windows)
        chunks = [chunk for span in spans for chunk in self._chunks(device_id, span)]
        return _assemble(chunks, placed, from_us, until_us)

    def _chunks(self, device_id: str, span: _Span) -> Iterator[AudioChunk]:
        for message in self._messages(span):
            if message.key() != device_id.encode():
                continue
            try:
                yield decode_chunk(message.value())
            except ChunkError:
                continue  # the worker has refused it too

    def _messages(self, span: _Span) -> Iterator[Message]:
        consumer = Consumer(
            self._kafka.confluent()
            | {"group.id": "heartward-console-sound", "enable.auto.commit": False}
            | {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 50}
        )
        try:
            consumer.assign([TopicPartition(span.topic, span.partition, span.first)])
            yield from _until(consumer, span.last)
        except KafkaException as error:
            raise SoundError(f"Kafka cannot be read: {error.args[0].str()}") from None
        finally:
            consumer.close()


def _until(consumer: Consumer, last: int) -> Iterator[Message]:
    waited_s, count = 0.0, 0
    while waited_s < _TIMEOUT_S and count < _MOST_RECORDS:
        messages = consumer.consume(1000, _LOOK_EVERY_S)
        waited_s = 0.0 if messages else waited_s + _LOOK_EVERY_S
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            count += 1
            yield message
            if message.offset() >= last:
                return


def _narrowed(windows: object, from_us: int, until_us: int) -> tuple[int, int]:
    """The part of this time that the windows are about."""
    found = windows.aggregate(first=Min("start_us"), last=Max("start_us"))  # type: ignore[attr-defined]
    end_us = found["last"] + round(PIPELINE_GRID.window_s * 1e6)
    return max(from_us, found["first"]), min(until_us, end_us)


def _spans(windows: object) -> list[_Span]:
    """Where the windows' chunks lie, one span for each partition of each lane."""
    rows = (
        windows.values("audio_topic", "audio_partition")  # type: ignore[attr-defined]
        .annotate(first=Min("audio_first_offset"), last=Max("audio_last_offset"))
        .order_by("audio_topic")
    )
    return [_Span(r["audio_topic"], r["audio_partition"], r["first"], r["last"]) for r in rows]


def _placed(windows: object) -> dict[int, int]:
    """For each boot the true time of its sample 0, by the first of its windows."""
    placed: dict[int, int] = {}
    rows = windows.order_by("window_index").values_list(  # type: ignore[attr-defined]
        "boot_id", "window_index", "start_us"
    )
    for boot_id, index, start_us in rows:
        placed.setdefault(boot_id, start_us - round(index * PIPELINE_GRID.hop_s * 1e6))
    return placed


def _assemble(
    chunks: list[AudioChunk], placed: dict[int, int], from_us: int, until_us: int
) -> Sound:
    """Put each chunk at its own place; what nobody sent stays silence."""
    known = [chunk for chunk in chunks if chunk.boot_id in placed]
    if not known:
        raise SoundError("Kafka holds this sound no longer")
    rate_hz = known[0].sample_rate_hz
    length = round((until_us - from_us) / 1e6 * rate_hz)
    samples = np.zeros(length, np.int16)
    is_there = np.zeros(length, bool)
    for chunk in known:
        if chunk.sample_rate_hz != rate_hz:
            continue
        zero_us = placed[chunk.boot_id]
        at = round((zero_us - from_us) / 1e6 * rate_hz) + chunk.first_sample
        sound = pcm(chunk)
        begin, end = max(0, at), min(length, at + len(sound))
        if begin < end:
            samples[begin:end] = sound[begin - at : end - at]
            is_there[begin:end] = True
    if not is_there.any():
        raise SoundError("Kafka holds this sound no longer")
    return Sound(samples, rate_hz, from_us, round(1.0 - float(is_there.mean()), 4))


def as_flac(sound: Sound) -> bytes:
    return encoded(sound, "FLAC")


def from_flac(data: bytes, start_us: int) -> Sound:
    samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="int16")
    return Sound(samples, rate_hz, start_us, 0.0)


def encoded(sound: Sound, form: str) -> bytes:
    """As a file of this form, 16 bit."""
    file = io.BytesIO()
    soundfile.write(file, sound.samples, sound.sample_rate_hz, format=form, subtype="PCM_16")
    return file.getvalue()
