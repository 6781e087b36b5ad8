"""A period of a ward in a folder: its sound, its results, and what it takes to make them again.

====================  ==========================================================================
``chunks.parquet``    every chunk in the order of the log: its header, and where its sound lies
``sound/``            the sound, FLAC or WFDB
``results.parquet``   every result, in columns, and whole as it was published
``tables.records``    assignments and choices of models
``period.json``       what this is
====================  ==========================================================================
"""

import heapq
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Message

from deploy.exchange.sounds import Format, Lane, Place, Reader, Sounds
from ingest.chunk import AudioChunk, Site, decode_chunk, encode, pcm
from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from models.errors import BadInputError, RecordError, UserError
from stream_processors.record_files import from_file, from_kafka, messages, write_file
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
    Topic,
)

_LANES = (AUDIO, AUDIO_HISTORY)
_TABLES = (ASSIGNMENTS, MODELS)
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


class ChunkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk without its sound, as a row of the table."""

    topic: str
    device_id: str
    timestamp_ms: int
    received_at_us: int
    boot_id: int
    seq: int
    first_sample: int
    kept_from_sample: int
    captured_at_us: int
    sample_rate_hz: int
    site: Site | None
    samples: int
    sound: str
    at_sample: int


def record(
    kafka: KafkaConnection, folder: Path, *, from_us: int, until_us: int, form: Format
) -> Period:
    """Write a period into a folder that is empty or new.

    Its sound begins early enough that every result of the period can be made of it again.

    Raises
    ------
    UserError
        When Kafka cannot be read or the folder not be written.
    """
    _require_empty(folder)
    results = list(_results(kafka, from_us, until_us))
    sounds, rows, unreadable = Sounds(), [], 0
    for message in _in_order(kafka, _sound_from_us(results, from_us), until_us):
        try:
            rows.append(_row(message, sounds))
        except (BadInputError, ValueError):
            unreadable += 1  # they are among the dead letters
    tables = from_kafka(kafka, _TABLES, from_us=from_us, until_us=until_us)
    write_file(tables, folder / "tables.records")
    _write_rows(folder / "chunks.parquet", [msgspec.structs.asdict(row) for row in rows])
    _write_rows(folder / "results.parquet", [_result_row(result) for result in results])
    period = Period(
        from_us=from_us,
        until_us=until_us,
        form=form,
        chunks=len(rows),
        unreadable=unreadable,
        results=len(results),
        sounds=sounds.write(folder / "sound", form),
    )
    (folder / "period.json").write_bytes(msgspec.json.format(msgspec.json.encode(period)))
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
    for kept in from_file(folder / "tables.records"):
        sink.produce(kept.topic, kept.key, kept.value, timestamp_ms=time.time_ns() // 1_000_000)
    reader = Reader(folder / "sound", period.form)
    for row in rows_of(folder / "chunks.parquet", ChunkRow):
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
    recorded = {_window(each): _timeless(each) for each in results_of(folder)}
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
        period = msgspec.json.decode((folder / "period.json").read_bytes(), type=Period)
    except OSError as error:
        raise UserError(f"{folder} holds no recorded period: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise UserError(f"{folder / 'period.json'} is damaged: {error}") from None
    if period.v != _VERSION:
        raise UserError(f"{folder} was written by another version ({period.v})")
    return period


def results_of(folder: Path) -> Iterator[WindowResult]:
    """Every recorded result."""
    for row in pq.read_table(folder / "results.parquet", columns=["record"]).to_pylist():
        yield decode(WindowResult, row["record"])


def rows_of(file: Path, kind: type[ChunkRow]) -> Iterator[ChunkRow]:
    """Rows of a table, a batch at a time."""
    for batch in pq.ParquetFile(file).iter_batches():
        for row in batch.to_pylist():
            yield msgspec.convert(row, kind)


def _sound_from_us(results: Iterable[WindowResult], from_us: int) -> int:
    """Where sound must begin, so that the first results have all of theirs."""
    received_us = (result.stages.received_us for result in results)
    return max(0, min((from_us, *received_us)) - _LEAD_US)


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


def _in_order(kafka: KafkaConnection, from_us: int, until_us: int) -> Iterator[Message]:
    """Both lanes by time, and each partition as it is: a clock may have been set back."""
    logs: dict[tuple[str, int], list[Message]] = {}
    for topic in _LANES:
        for message in messages(kafka, topic, from_us=from_us, until_us=until_us):
            logs.setdefault((message.topic(), message.partition()), []).append(message)
    return heapq.merge(*logs.values(), key=lambda message: message.timestamp()[1])


def _row(message: Message, sounds: Sounds) -> ChunkRow:
    device_id = (message.key() or b"").decode("ascii")
    chunk = decode_chunk(message.value() or b"")
    samples = pcm(chunk)
    lane = Lane(message.topic(), device_id, chunk.boot_id, chunk.sample_rate_hz)
    place = sounds.put(lane, chunk.first_sample, samples)
    return ChunkRow(
        topic=message.topic(),
        device_id=device_id,
        timestamp_ms=message.timestamp()[1],
        received_at_us=int(dict(message.headers() or ())[RECEIVED_AT_HEADER]),
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
    topics: Sequence[Topic] = (RESULTS,)
    for kept in from_kafka(kafka, topics, from_us=from_us, until_us=until_us):
        try:
            yield decode(WindowResult, kept.value or b"")
        except RecordError:
            continue


def _result_row(result: WindowResult) -> dict[str, Any]:
    """What people look for in columns of its own, and the record whole."""
    from stream_processors.records import encode as encode_record  # noqa: PLC0415 (its namesake)

    heart = result.heart
    return {
        "device_id": result.device_id,
        "boot_id": result.boot_id,
        "window_index": result.window_index,
        "start_us": result.start_us,
        "patient_id": result.patient_id,
        "ward": result.ward,
        "bed": result.bed,
        "late": result.late,
        "gap_fraction": result.gap_fraction,
        "quality": result.quality.score,
        "verdict": result.quality.verdict,
        "rate_bpm": None if heart is None else heart.rate_bpm,
        "findings": msgspec.json.encode(result.findings).decode(),
        "record": encode_record(result),
    }


def _timeless(result: WindowResult) -> WindowResult:
    stages = msgspec.structs.replace(result.stages, windowed_us=0, inferred_us=0)
    audio = msgspec.structs.replace(result.audio, partition=0, first_offset=0, last_offset=0)
    return msgspec.structs.replace(result, stages=stages, audio=audio)


def _write_rows(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), file, compression="zstd")


def _require_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder} is not empty: name another folder")
    except OSError as error:
        raise UserError(f"{folder} cannot be used: {error.strerror}") from None
