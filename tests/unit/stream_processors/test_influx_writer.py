"""The writer brings every record to its end: in the database, or dead-lettered with the reason."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from ingest.chunk import DeviceStatus
from ingest.chunk import encode as encode_status
from ingest.kafka_sink import MemorySink, keep_polling
from ingest.watched import WATCH
from models.errors import RetryableError
from stream_processors import influx_writer
from stream_processors.influx_settings import InfluxSettings
from stream_processors.influx_store import Refusal
from stream_processors.influx_writer import Writer
from stream_processors.record_source import Taken
from stream_processors.records import DeadLetter, Quality, Record, decode, encode
from stream_processors.topics import ALARMS, DEVICE_STATS, HEARTBEATS, RESULTS, STATUS, Topic
from tests.reports import alarm_event, device_stats, heartbeat
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

    def __init__(self, now_s: Callable[[], float] = time.monotonic, **settings: Any) -> None:
        self.store = MemoryStore()
        self.sink = MemorySink()
        self.writer = Writer(
            InfluxSettings(**settings), store=self.store, sink=self.sink, now_s=now_s
        )

    async def settle(self, *values: Record | bytes, topic: Topic = RESULTS) -> None:
        batch = [
            Taken(topic.name, 2, 100 + i, PUBLISHED_US, b"d1", _bytes(value))
            for i, value in enumerate(values)
        ]
        polling = asyncio.create_task(keep_polling(self.sink))
        try:
            await asyncio.wait_for(self.writer.settle(batch), 5)
        finally:
            polling.cancel()

    async def tries(self, number: int) -> None:
        """Return once the writer has tried in vain so often more."""
        enough = self.writer.counters.retries + number
        for _ in range(5000):
            if self.writer.counters.retries >= enough:
                return
            await asyncio.sleep(0.001)
        pytest.fail(f"{self.writer.counters.retries} of {enough} tries")

    def letters(self) -> list[DeadLetter]:
        assert {record.topic for record in self.sink.stored} <= {"pcg.dead-letters"}
        return [decode(DeadLetter, record.value or b"") for record in self.sink.stored]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx_writer, "_FIRST_PAUSE_S", 0.001)


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


async def test_an_outage_is_told_once_then_seldom_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    now_s = 1000.0
    monkeypatch.setattr(influx_writer, "_LONGEST_PAUSE_S", 0.001)
    bench = Bench(lambda: now_s)
    bench.store.failures = 10**9
    settling = asyncio.create_task(bench.settle(window_result()))
    await bench.tries(5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "away: is HEARTWARD_INFLUX_URL right? Results wait in Kafka" in caplog.text
    now_s += 600.0
    await bench.tries(5)
    bench.store.failures = 0
    await settling
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]
    assert "answers again, after 600 s" in caplog.text
    await bench.settle(window_result())
    assert len(caplog.records) == 3


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


def _bytes(value: Record | bytes) -> bytes:
    return value if isinstance(value, bytes) else encode(value)


ALARM = alarm_event(cause='rate 142 bpm, "over" 120')


async def test_alarms_devices_and_processes_become_points() -> None:
    bench = Bench()
    stats = device_stats(chunks=5, duplicates=1, missing_samples=1000, clock_offset_us=1500)
    beat = heartbeat(
        instance="worker-host-77",
        pid=77,
        started_us=START_US - 1_000_000,
        lag={"pcg.audio/0": 3, "pcg.audio/1": 4},
        counters={"results": 9},
    )
    status = DeviceStatus(state="online", boot_id=7, at_us=1, battery_fraction=0.5, contact=True)
    await bench.settle(ALARM, topic=ALARMS)
    await bench.settle(stats, topic=DEVICE_STATS)
    await bench.settle(beat, topic=HEARTBEATS)
    await bench.settle(encode_status(status), b"", topic=STATUS)
    alarm, device, pipeline, said = bench.store.lines
    tags = "bed=12,condition=tachycardia,device=d1,priority=medium,ward=west"
    assert alarm.startswith(f'alarm,{tags} transition="raised",')
    assert alarm.endswith(f" {START_US + 2}")
    assert r'cause="rate 142 bpm, \"over\" 120"' in alarm
    assert device.startswith('device,device=d1 bridge="main",chunks=5i,duplicates=1i,')
    assert "missing_s=0.5,clock_offset_ms=1.5 " in device
    assert pipeline == (
        "pipeline,instance=worker-host,process=audio "
        f"up_s=1.0,partitions=0i,lag=7i,lag_worst=4i,count_results=9.0 {START_US}"
    )
    assert said == f"device,device=d1 online=true,battery=0.5,contact=true {PUBLISHED_US}"
    assert (bench.writer.counters.events, bench.writer.counters.results) == (5, 0)


async def test_who_watches_the_writer_learns_how_long_alarms_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[float] = []
    monkeypatch.setattr(WATCH, "alarm_ms", told.append)
    cleared = msgspec.structs.replace(ALARM, transition="cleared")
    late = msgspec.structs.replace(ALARM, late=True)
    await Bench().settle(ALARM, cleared, late, topic=ALARMS)
    assert told == [(PUBLISHED_US - START_US) / 1e3]


async def test_an_answer_says_how_long_its_alarm_rang() -> None:
    bench = Bench()
    answer = msgspec.structs.replace(
        ALARM,
        transition="acknowledged",
        transition_no=3,
        rings=False,
        at_us=START_US + 42_000_000,
    )
    await bench.settle(ALARM, answer, topic=ALARMS)
    assert not bench.store.asked
    rang = {"values": [[START_US + 2, "abc123", 2]]}
    bench.store.answer = {"results": [{"statement_id": 0, "series": [rang]}]}
    await bench.settle(answer, topic=ALARMS)
    assert ["answered_s=42.0" in line for line in bench.store.lines] == [False, True, True]
    assert "episode_id = 'abc123'" in bench.store.asked[0]


async def test_what_is_no_such_record_is_dead_lettered_with_its_topic() -> None:
    bench = Bench()
    endless = heartbeat(counters={"rate": math.inf})
    await bench.settle(b"nonsense", endless, topic=HEARTBEATS)
    letters = [decode(DeadLetter, record.value or b"") for record in bench.sink.stored]
    assert [letter.topic for letter in letters] == [HEARTBEATS.name] * 2
    assert "count_rate inf" in letters[1].reason
    assert not bench.store.lines
