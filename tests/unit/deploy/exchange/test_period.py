"""A period is written as it is read, whole or not at all."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from deploy.exchange import period, tables
from deploy.exchange.period import Period, record
from ingest.chunk import AudioChunk, encode
from ingest.connections import KafkaConnection, load
from models.errors import UserError
from stream_processors import records
from stream_processors.record_files import KeptRecord
from stream_processors.topics import AUDIO, RECEIVED_AT_HEADER, RESULTS
from tests.results import START_US, window_result

NOWHERE = load(KafkaConnection, {"servers": "127.0.0.1:1"})
DEVICES = 4
RATE_HZ = 2000


class Logged(NamedTuple):
    """A chunk as the library gives it, out of no Kafka."""

    device: bytes
    second: int
    sent: tuple[tuple[str, bytes], ...]

    def key(self) -> bytes:
        return self.device

    def value(self) -> bytes:
        samples = np.random.default_rng(self.second).integers(-999, 999, RATE_HZ, dtype=np.int16)
        chunk = AudioChunk(
            boot_id=7,
            seq=self.second,
            first_sample=self.second * RATE_HZ,
            kept_from_sample=0,
            captured_at_us=START_US + self.second * 1_000_000,
            sample_rate_hz=RATE_HZ,
            samples=samples.tobytes(),
        )
        return encode(chunk)

    def headers(self) -> list[tuple[str, bytes]]:
        return list(self.sent)

    def timestamp(self) -> tuple[int, int]:
        return 1, START_US // 1000 + self.second * 1000

    def topic(self) -> str:
        return AUDIO.name


def chunk_of(device: bytes, second: int) -> Logged:
    received_at_us = START_US + second * 1_000_000
    return Logged(device, second, ((RECEIVED_AT_HEADER, str(received_at_us).encode()),))


def chunks(seconds: int) -> Iterator[Logged]:
    for second in range(seconds):
        for device in range(DEVICES):
            yield chunk_of(f"W-{device}".encode(), second)


def results(seconds: int) -> Iterator[KeptRecord]:
    for index in range(seconds * 2 // 5):
        for device in range(DEVICES):
            value = records.encode(window_result(f"W-{device}", index))
            yield KeptRecord(RESULTS.name, START_US, b"", value)


def kept(
    monkeypatch: pytest.MonkeyPatch, folder: Path, sound: Iterator[Logged], seconds: int = 0
) -> Period:
    """Record what a Kafka of this sound, and of results of so many seconds, would give."""
    monkeypatch.setattr(period, "messages_by_time", lambda *_, **_period: sound)
    given = {RESULTS.name: lambda: results(seconds)}
    monkeypatch.setattr(
        period,
        "from_kafka",
        lambda _kafka, topics, **_period: given.get(topics[0].name, lambda: iter(()))(),
    )
    return record(NOWHERE, folder, from_us=0, until_us=2**62, form="flac")


def most_bytes(monkeypatch: pytest.MonkeyPatch, folder: Path, seconds: int) -> int:
    tracemalloc.start()
    try:
        told = kept(monkeypatch, folder, chunks(seconds), seconds)
        assert (told.chunks, told.sounds) == (DEVICES * seconds, DEVICES)
        assert told.results == DEVICES * (seconds * 2 // 5)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_period(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Fifteen minutes more of four devices are 14 MB of sound, and 6 MB of results."""
    monkeypatch.setattr(tables, "_AT_ONCE", 100)
    kept(monkeypatch, tmp_path / "first", chunks(2))  # loads what is loaded late
    short = most_bytes(monkeypatch, tmp_path / "short", 300)
    long = most_bytes(monkeypatch, tmp_path / "long", 1200)
    assert long < 1.2 * short
    assert long < 5e6


def test_rows_come_back_as_they_were_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tables, "_AT_ONCE", 3)
    folder = tmp_path / "period"
    kept(monkeypatch, folder, chunks(5), seconds=5)
    rows = list(tables.chunks_of(folder / "chunks.parquet"))
    assert [(row.device_id, row.seq) for row in rows] == [
        (f"W-{device}", second) for second in range(5) for device in range(DEVICES)
    ]
    stored = pq.read_table(folder / "results.parquet").to_pylist()
    read = list(tables.results_of(folder / "results.parquet"))
    assert len(read) == len(stored) == 2 * DEVICES
    assert [(row["device_id"], row["window_index"]) for row in stored] == [
        (result.device_id, result.window_index) for result in read
    ]


def test_a_period_without_sound_and_results_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = kept(monkeypatch, tmp_path / "empty", iter(()))
    assert (told.chunks, told.results, told.sounds) == (0, 0, 0)
    assert list(tables.results_of(tmp_path / "empty" / "results.parquet")) == []
    assert list(tables.chunks_of(tmp_path / "empty" / "chunks.parquet")) == []


@pytest.mark.parametrize(
    "refused",
    [
        chunk_of(b"../../elsewhere", 0),
        chunk_of("Wörd".encode(), 0),
        Logged(b"W-9", 0, ()),
        Logged(b"W-9", 0, ((RECEIVED_AT_HEADER, b"now"),)),
    ],
)
def test_what_a_worker_refuses_is_counted_and_no_part_of_it(
    refused: Logged, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "in" / "it"
    told = kept(monkeypatch, folder, iter([refused, chunk_of(b"W-1", 0)]))
    assert (told.chunks, told.unreadable, told.sounds) == (1, 1, 1)
    assert [path.name for path in (folder / "sound").iterdir()] == ["W-1-7-0001.flac"]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_nothing_is_left_of_what_could_not_be_finished(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks_off() -> Iterator[Logged]:
        yield from chunks(3)
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="period cannot be written: No space left on device"):
        kept(monkeypatch, tmp_path / "period", breaks_off(), seconds=5)
    assert list(tmp_path.iterdir()) == []
    assert kept(monkeypatch, tmp_path / "period", chunks(3)).chunks == 3 * DEVICES


def test_a_folder_of_another_version_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = kept(monkeypatch, tmp_path / "period", chunks(1))
    about = tmp_path / "period" / "period.json"
    about.write_bytes(msgspec.json.encode(msgspec.structs.replace(told, v=9)))
    with pytest.raises(UserError, match=r"written by another version \(9\)"):
        period.described(tmp_path / "period")
