"""The writer brings every record to its end: in the database, or dead-lettered with the reason."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ingest.kafka_sink import MemorySink, keep_polling
from models.errors import RetryableError
from stream_processors import influx
from stream_processors.influx import InfluxSettings, Writer
from stream_processors.influx_store import Refusal
from stream_processors.records import DeadLetter, Quality, WindowResult, decode, encode
from stream_processors.result_source import Taken
from tests.results import PUBLISHED_US, START_US, window_result


class MemoryStore:
    """The database's twin: refuses lines with a certain word in them, and can be away."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.requests: list[int] = []
        self.failures = 0
        self.refuse: str | None = None
        self.asked: list[str] = []
        self.answer: Mapping[str, Any] = {"results": []}

    async def write(self, lines: Sequence[str]) -> list[Refusal]:
        if self.failures:
            self.failures -= 1
            raise RetryableError("away", retry_after_s=0.0)
        self.requests.append(len(lines))
        refused = [i for i, line in enumerate(lines) if self.refuse and self.refuse in line]
        self.lines += (line for i, line in enumerate(lines) if i not in refused)
        return [Refusal(i, "too odd") for i in refused]

    async def ask(self, statements: Sequence[str]) -> Mapping[str, Any]:
        self.asked += statements
        return self.answer


class Bench:
    """A writer between a store and a sink that are both in memory."""

    def __init__(self, **settings: Any) -> None:
        self.store = MemoryStore()
        self.sink = MemorySink()
        self.writer = Writer(InfluxSettings(**settings), store=self.store, sink=self.sink)

    async def settle(self, *values: WindowResult | bytes) -> None:
        batch = [
            Taken(2, 100 + i, PUBLISHED_US, b"d1", v if isinstance(v, bytes) else encode(v))
            for i, v in enumerate(values)
        ]
        polling = asyncio.create_task(keep_polling(self.sink))
        try:
            await asyncio.wait_for(self.writer.settle(batch), 5)
        finally:
            polling.cancel()

    def letters(self) -> list[DeadLetter]:
        assert {record.topic for record in self.sink.stored} <= {"pcg.dead-letters"}
        return [decode(DeadLetter, record.value or b"") for record in self.sink.stored]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx, "_FIRST_PAUSE_S", 0.001)


async def test_every_result_of_a_batch_is_written() -> None:
    bench = Bench()
    await bench.settle(*(window_result(window_index=k) for k in range(3)))
    assert len(bench.store.lines) == 6
    assert bench.writer.counters.points_written == 6
    assert bench.store.asked == []


async def test_a_request_is_no_larger_than_allowed() -> None:
    bench = Bench(batch_points=4)
    await bench.settle(*(window_result(window_index=k) for k in range(5)))
    assert bench.store.requests == [4, 4, 2]
    assert bench.writer.counters.batches == 3


async def test_a_database_that_is_away_is_tried_until_it_is_back() -> None:
    bench = Bench()
    bench.store.failures = 4
    await bench.settle(window_result())
    assert len(bench.store.lines) == 2
    assert bench.writer.counters.retries == 4
    assert bench.writer.counters.database_away == 0


async def test_a_batch_is_not_settled_while_the_database_is_away() -> None:
    bench = Bench()
    bench.store.failures = 10**9
    settling = asyncio.create_task(bench.settle(window_result()))
    await asyncio.sleep(0.05)
    assert not settling.done()
    assert bench.writer.counters.database_away == 1
    settling.cancel()


async def test_only_the_refused_result_is_dead_lettered() -> None:
    bench = Bench()
    bench.store.refuse = "window_index=1i"
    results = [window_result(window_index=k) for k in range(3)]
    await bench.settle(*results)
    (letter,) = bench.letters()
    assert letter.payload == encode(results[1])
    assert (letter.stage, letter.reason) == ("influx", "heart: too odd")
    assert (letter.topic, letter.partition, letter.offset) == ("pcg.results", 2, 101)
    assert letter.device_id == "d1"
    assert len(bench.store.lines) == 5


async def test_a_record_that_is_no_result_is_dead_lettered() -> None:
    bench = Bench()
    await bench.settle(b"\xc1", window_result())
    (letter,) = bench.letters()
    assert letter.payload == b"\xc1"
    assert "1 bytes are not a WindowResult" in letter.reason
    assert len(bench.store.lines) == 2


async def test_a_number_that_is_not_finite_is_dead_lettered_and_counted() -> None:
    bench = Bench()
    await bench.settle(window_result(quality=Quality(score=math.nan, verdict="good")))
    assert [letter.reason for letter in bench.letters()] == ["not finite: quality nan"]
    assert bench.store.lines == []
    assert bench.writer.counters.unreadable == 1


async def test_a_batch_is_not_settled_before_kafka_holds_its_dead_letters() -> None:
    bench = Bench()
    bench.sink.away = True
    settling = asyncio.create_task(bench.settle(b"bad"))
    await asyncio.sleep(0.05)
    assert not settling.done()
    bench.sink.away = False
    await settling
    assert bench.writer.counters.dead_letters == 1


async def test_the_database_is_asked_before_a_less_certain_result_is_written() -> None:
    bench = Bench()
    row = [START_US + 9, 0, 0.1, True]
    bench.store.answer = {"results": [{"statement_id": 0, "series": [{"values": [row]}]}]}
    await bench.settle(window_result(gap_fraction=0.4))
    assert bench.store.lines == []
    assert bench.writer.counters.less_full == 1
    await bench.settle(window_result(late=True))
    assert all(line.endswith(f" {START_US + 9}") for line in bench.store.lines)
    assert len(bench.store.asked) == 2
