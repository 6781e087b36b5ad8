"""Rows of a recorded period: its chunks and its results, written and read a few at a time."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.chunk import Site
from stream_processors.records import WindowResult, decode, encode

_AT_ONCE = 5000


class ChunkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk without its sound."""

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


_CHUNKS = pa.schema(
    {
        "topic": pa.string(),
        "device_id": pa.string(),
        "timestamp_ms": pa.int64(),
        "received_at_us": pa.int64(),
        "boot_id": pa.int64(),
        "seq": pa.int64(),
        "first_sample": pa.int64(),
        "kept_from_sample": pa.int64(),
        "captured_at_us": pa.int64(),
        "sample_rate_hz": pa.int64(),
        "site": pa.string(),
        "samples": pa.int64(),
        "sound": pa.string(),
        "at_sample": pa.int64(),
    }
)
_RESULTS = pa.schema(
    {
        "device_id": pa.string(),
        "boot_id": pa.int64(),
        "window_index": pa.int64(),
        "start_us": pa.int64(),
        "patient_id": pa.string(),
        "ward": pa.string(),
        "bed": pa.string(),
        "late": pa.bool_(),
        "gap_fraction": pa.float64(),
        "quality": pa.float64(),
        "verdict": pa.string(),
        "rate_bpm": pa.float64(),
        "findings": pa.string(),
        "record": pa.binary(),
    }
)


def write_chunks(file: Path, rows: Iterable[ChunkRow]) -> int:
    """Write all and return how many there were."""
    return _write(file, _CHUNKS, map(msgspec.structs.asdict, rows))


def write_results(file: Path, results: Iterable[WindowResult]) -> int:
    """Write all and return how many there were."""
    return _write(file, _RESULTS, map(_result_row, results))


def chunks_of(file: Path) -> Iterator[ChunkRow]:
    for row in _read(file, _CHUNKS.names):
        yield msgspec.convert(row, ChunkRow)


def results_of(file: Path) -> Iterator[WindowResult]:
    for row in _read(file, ["record"]):
        yield decode(WindowResult, row["record"])


def _result_row(result: WindowResult) -> dict[str, Any]:
    """What people look for in columns of its own, and the record whole."""
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
        "record": encode(result),
    }


def _write(file: Path, schema: pa.Schema, rows: Iterator[Mapping[str, Any]]) -> int:
    written = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while some := list(islice(rows, _AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(some, schema))
            written += len(some)
    return written


def _read(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(_AT_ONCE, columns=columns):
            yield from batch.to_pylist()
