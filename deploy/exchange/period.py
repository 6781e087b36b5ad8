"""A period of a ward in a folder: its sound, its results, and what it takes to make them again.

====================  ==========================================================================
``chunks.parquet``    every chunk in the order of the log: its header, and where its sound lies
``sound/``            the sound, FLAC or WFDB
``results.parquet``   every result, in columns, and whole as it was published
``tables.records``    assignments and choices of models
``period.json``       what this is
====================  ==========================================================================
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec
from confluent_kafka import Message

from deploy.exchange import tables
from deploy.exchange.forms import Format
from deploy.exchange.sounds import Lane, Place, Reader, Sounds
from deploy.exchange.tables import ChunkRow
from ingest.chunk import AudioChunk, decode_chunk, encode, pcm
from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from models.errors import BadInputError, RecordError, UserError
from stream_processors import records
from stream_processors.arrivals import arrival_us, device_of
from stream_processors.record_files import from_file, from_kafka, messages_by_time, write_file
from stream_processors.records import WindowResult, decode, identity
from stream_processors.topics import (
    ASSIGNMENTS,
    AUDIO,
    AUDIO_HISTORY,
    CHUNK_SCHEMA,
    MODELS,
    RECEIVED_AT_HEADER,
    RESULTS,
    SCHEMA_HEADER,
)

_LANES = (AUDIO, AUDIO_HISTORY)
_TABLES = (ASSIGNMENTS, MODELS)
_SOUND, _CHUNK_ROWS, _RESULT_ROWS = "sound", "chunks.parquet", "results.parquet"
_RECORDS, _ABOUT = "tables.records", "period.json"
_FLUSH_S = 60.0
_MOST_IN_FLIGHT = 20_000
_VERSION = 1
# A window's oldest sound came a window and its pre-roll before its newest, and may have waited for
# its order; a worker that begins in the middle emits none before it has all of that.
_LEAD_US = 15_000_000


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds; times are UTC microseconds."""

    v: int = _VERSION
    from_us: int
    until_us: int
    form: Format
    chunks: int
    unreadable: int
    results: int
    sounds: int


def record(
    kafka: KafkaConnection, folder: Path, *, from_us: int, until_us: int, form: Format
) -> Period:
    """Write a period into a folder that is empty or new, as it is read; nothing is left of a part.

    Its sound begins early enough that every result of the period can be made of it again.

    Raises
    ------
    UserError
        When Kafka cannot be read or the folder not be written.
    """
    with _whole_or_nothing(folder):
        results, sound_from_us = _keep_results(kafka, folder, from_us, until_us)
        chunks, unreadable, sounds = _keep_sound(kafka, folder, sound_from_us, until_us, form)
        kept = from_kafka(kafka, _TABLES, from_us=from_us, until_us=until_us)
        write_file(kept, folder / _RECORDS)
        period = Period(
            from_us=from_us,
            until_us=until_us,
            form=form,
            chunks=chunks,
            unreadable=unreadable,
            results=results,
            sounds=sounds,
        )
        (folder / _ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(period)))
    return period


def replay(kafka: KafkaConnection, folder: Path) -> Period:
    """Put a period's tables and chunks on the topics of another Kafka, in the same order.

    Raises
    ------
    UserError
        When the folder holds none, or Kafka does not take all of it.
    """
    period = described(folder)
    sink = ConfluentSink(kafka, client_id="heartward-replay")
    sink.require([topic.name for topic in (*_LANES, *_TABLES)])
    for kept in from_file(folder / _RECORDS):
        sink.produce(kept.topic, kept.key, kept.value, timestamp_ms=time.time_ns() // 1_000_000)
    reader = Reader(folder / _SOUND, period.form)
    for row in tables.chunks_of(folder / _CHUNK_ROWS):
        samples = reader.samples(Place(row.sound, row.at_sample), row.samples)
        sink.produce(
            row.topic,
            row.device_id.encode(),
            encode(_chunk(row, samples.astype("<i2").tobytes())),
            headers=(
                (RECEIVED_AT_HEADER, str(row.received_at_us).encode()),
                (SCHEMA_HEADER, CHUNK_SCHEMA),
            ),
            timestamp_ms=row.timestamp_ms,
        )
        if sink.in_flight > _MOST_IN_FLIGHT:
            sink.poll(0.05)
    unsent = sink.flush(_FLUSH_S)
    sink.close()
    if unsent:
        raise UserError(f"Kafka {kafka.address} took all but {unsent} records: look at its log")
    return period


class _Window(NamedTuple):
    """Of one lane: a window that came late too has two results."""

    device_id: str
    boot_id: int
    late: bool
    window_index: int


class Comparison(NamedTuple):
    """Results of a replay against those recorded."""

    same: int
    different: int
    missing: int
    more: int


def compare(kafka: KafkaConnection, folder: Path) -> Comparison:
    """Hold what a replay's workers have published against what was recorded.

    Times of stages and places in Kafka are of a run, and no part of the comparison. Neither is what
    lies before a device's first recorded window or behind its last: sound that came before the
    period, or whose result came after it.
    """
    kept = tables.results_of(folder / _RESULT_ROWS)
    recorded = {_window(each): _timeless(each) for each in kept}
    found = {_window(each): _timeless(each) for each in _results(kafka, 0, 2**62)}
    both = recorded.keys() & found.keys()
    same = sum(recorded[each] == found[each] for each in both)
    more = _within(found.keys() - both, recorded)
    return Comparison(same, len(both) - same, len(recorded.keys() - both), more)


def described(folder: Path) -> Period:
    """What a folder holds.

    Raises
    ------
    UserError
        When it holds no period, or one of another version.
    """
    try:
        period = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=Period)
    except OSError as error:
        raise UserError(f"{folder} holds no recorded period: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise UserError(f"{folder / _ABOUT} is damaged: {error}") from None
    if period.v != _VERSION:
        raise UserError(f"{folder} was written by another version ({period.v})")
    return period


def _keep_results(
    kafka: KafkaConnection, folder: Path, from_us: int, until_us: int
) -> tuple[int, int]:
    """Write them; return how many, and where sound must begin so that the first have all of it."""
    earliest_us = from_us

    def noted() -> Iterator[WindowResult]:
        nonlocal earliest_us
        for result in _results(kafka, from_us, until_us):
            earliest_us = min(earliest_us, result.stages.received_us)
            yield result

    number = tables.write_results(folder / _RESULT_ROWS, noted())
    return number, max(0, earliest_us - _LEAD_US)


def _keep_sound(
    kafka: KafkaConnection, folder: Path, from_us: int, until_us: int, form: Format
) -> tuple[int, int, int]:
    """Write both lanes by time; return how many chunks, records that are none, and sounds."""
    sounds, unreadable = Sounds(folder / _SOUND), 0

    def rows() -> Iterator[ChunkRow]:
        nonlocal unreadable
        for message in messages_by_time(kafka, _LANES, from_us=from_us, until_us=until_us):
            try:
                row = _row(message, sounds)
            except BadInputError:
                unreadable += 1  # they are among the dead letters
            else:
                yield row

    chunks = tables.write_chunks(folder / _CHUNK_ROWS, rows())
    return chunks, unreadable, sounds.write(form)


def _window(result: WindowResult) -> _Window:
    device_id, boot_id, window_index = identity(result)
    return _Window(device_id, boot_id, result.late, window_index)


def _within(windows: Iterable[_Window], recorded: Iterable[_Window]) -> int:
    """How many lie between the first and the last recorded ones of their lanes."""
    spans: dict[tuple[str, int, bool], list[int]] = {}
    for each in recorded:
        spans.setdefault(each[:3], []).append(each.window_index)
    edges = {lane: (min(indices), max(indices)) for lane, indices in spans.items()}
    nowhere = (0, -1)
    return sum(
        first <= each.window_index <= last
        for each in windows
        for first, last in (edges.get(each[:3], nowhere),)
    )


def _row(message: Message, sounds: Sounds) -> ChunkRow:
    device_id = device_of(message.key())
    received_at_us = arrival_us(dict(message.headers() or ()), message.timestamp()[1])
    chunk = decode_chunk(message.value() or b"")
    samples = pcm(chunk)
    lane = Lane(message.topic(), device_id, chunk.boot_id, chunk.sample_rate_hz)
    place = sounds.put(lane, chunk.first_sample, samples)
    return ChunkRow(
        topic=message.topic(),
        device_id=device_id,
        timestamp_ms=message.timestamp()[1],
        received_at_us=received_at_us,
        boot_id=chunk.boot_id,
        seq=chunk.seq,
        first_sample=chunk.first_sample,
        kept_from_sample=chunk.kept_from_sample,
        captured_at_us=chunk.captured_at_us,
        sample_rate_hz=chunk.sample_rate_hz,
        site=chunk.site,
        samples=len(samples),
        sound=place.name,
        at_sample=place.at_sample,
    )


def _chunk(row: ChunkRow, samples: bytes) -> AudioChunk:
    return AudioChunk(
        boot_id=row.boot_id,
        seq=row.seq,
        first_sample=row.first_sample,
        kept_from_sample=row.kept_from_sample,
        captured_at_us=row.captured_at_us,
        sample_rate_hz=row.sample_rate_hz,
        samples=samples,
        site=row.site,
    )


def _results(kafka: KafkaConnection, from_us: int, until_us: int) -> Iterator[WindowResult]:
    for kept in from_kafka(kafka, (RESULTS,), from_us=from_us, until_us=until_us):
        try:
            yield decode(WindowResult, kept.value or b"")
        except RecordError:
            continue


def _timeless(result: WindowResult) -> bytes:
    """A digest of all that is the same in every run, small enough for long periods."""
    stages = msgspec.structs.replace(result.stages, windowed_us=0, inferred_us=0)
    audio = msgspec.structs.replace(result.audio, partition=0, first_offset=0, last_offset=0)
    same = msgspec.structs.replace(result, stages=stages, audio=audio)
    return blake2b(records.encode(same), digest_size=16).digest()


@contextmanager
def _whole_or_nothing(folder: Path) -> Iterator[None]:
    """A folder that is empty now, and again if what is written into it cannot be finished."""
    _require_empty(folder)
    try:
        yield
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(f"{folder} cannot be written: {error.strerror or error}") from None
        raise


def _require_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder} is not empty: name another folder")
    except OSError as error:
        raise UserError(f"{folder} cannot be used: {error.strerror}") from None
