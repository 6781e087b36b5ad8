"""The whole worker without Faust and without Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from ingest.connections import load
from ingest.kafka_sink import MemorySink, StoredRecord
from models.registry import Registry
from stream_processors.assignments import AssignmentHistory
from stream_processors.pipeline import Pipeline
from stream_processors.records import DeadLetter, WindowResult, decode
from stream_processors.running_models import RunningModels
from stream_processors.settings import WorkerSettings
from stream_processors.topics import AUDIO, AUDIO_HISTORY, DEAD_LETTERS, RESULTS
from tests.unit.stream_processors.logs import Record, log_of, sent


@pytest.fixture(scope="module")
def models() -> RunningModels:
    return RunningModels(Registry(), heart=True)


class Harness:
    def __init__(self, pipeline: Pipeline, sink: MemorySink) -> None:
        self.pipeline = pipeline
        self.sink = sink

    def stored(self, topic: str) -> list[StoredRecord]:
        return [record for record in self.sink.stored if record.topic == topic]

    def results(self) -> list[WindowResult]:
        return [decode(WindowResult, r.value or b"") for r in self.stored(RESULTS.name)]

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not happened():
                self.sink.poll()
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(models: RunningModels) -> AsyncIterator[Harness]:
    sink = MemorySink()
    settings = load(WorkerSettings, {"name": "w"})
    pipeline = Pipeline(settings, sink=sink, models=models, assignments=AssignmentHistory())
    task = asyncio.create_task(pipeline.run())
    yield Harness(pipeline, sink)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def steady(seconds: int) -> list[Record]:
    return log_of([sent("bed-1", n, 1.0, received_s=n + 1) for n in range(seconds)])


async def take(harness: Harness, records: Sequence[Record], *, generation: int = 1) -> None:
    await harness.pipeline.take(AUDIO.name, 0, generation, records)


async def test_sound_becomes_results_under_the_devices_key(models: RunningModels) -> None:
    async with running(models) as harness:
        await take(harness, steady(12))
        await harness.until(lambda: len(harness.results()) == 3)

    assert [result.window_index for result in harness.results()] == [0, 1, 2]
    assert {record.key for record in harness.stored(RESULTS.name)} == {b"bed-1"}
    first = harness.results()[0]
    assert first.late is False
    assert [finding.model for finding in first.findings] == ["screen"]
    assert first.stages.windowed_us <= first.stages.inferred_us


async def test_nothing_is_committable_before_the_results_are_stored(models: RunningModels) -> None:
    async with running(models) as harness:
        harness.sink.away = True
        await take(harness, steady(30))
        await harness.until(lambda: harness.sink.in_flight == 11)
        assert harness.pipeline.partitions.committable(AUDIO.name, 0) == 0

        harness.sink.away = False
        harness.sink.poll()
        assert harness.pipeline.partitions.committable(AUDIO.name, 0) == 26


async def test_poison_is_dead_lettered_with_the_reason_and_stops_nothing(
    models: RunningModels,
) -> None:
    records = steady(12)
    poison = records[3]._replace(value=b"\xc1 not a chunk", key=b"bed/1")
    shifted = [*records[:3], poison, *(r._replace(offset=r.offset + 1) for r in records[3:])]
    async with running(models) as harness:
        await take(harness, shifted)
        await harness.until(lambda: len(harness.results()) == 3)

    (letter,) = (decode(DeadLetter, r.value or b"") for r in harness.stored(DEAD_LETTERS.name))
    assert letter.reason == "the key b'bed/1' is not a device id"
    assert (letter.stage, letter.topic, letter.partition, letter.offset) == (
        "audio", AUDIO.name, 0, 3,
    )  # fmt: skip
    assert letter.payload == b"\xc1 not a chunk"
    assert harness.pipeline.counters()["dead_letters"] == 1
    assert harness.pipeline.counters()["refused"] == 1


async def test_a_chunk_cut_anew_is_dead_lettered_once_and_stops_nothing(
    models: RunningModels,
) -> None:
    chunks = [sent("bed-1", n, 1.0, received_s=n + 1) for n in range(12)]
    cut_anew = sent("bed-1", 3.5, 1.0, received_s=4.5)
    records = log_of([*chunks[:4], cut_anew, cut_anew, *chunks[4:]])
    async with running(models) as harness:
        harness.sink.away = True
        await take(harness, records)
        await harness.until(lambda: harness.sink.in_flight == 4)
        assert harness.pipeline.partitions.committable(AUDIO.name, 0) == 0

        harness.sink.away = False
        await harness.until(lambda: harness.sink.in_flight == 0)
        assert (harness.pipeline.partitions.committable(AUDIO.name, 0) or 0) > 5

    (letter,) = (decode(DeadLetter, r.value or b"") for r in harness.stored(DEAD_LETTERS.name))
    assert "the chunk of samples 7000 to 8999 of boot 7 overlaps others in part" in letter.reason
    assert (letter.device_id, letter.offset) == ("bed-1", 4)
    assert letter.payload == records[4].value
    assert len(harness.results()) == 3
    assert harness.pipeline.counters()["conflicts"] == 2
    assert harness.pipeline.counters()["dead_letters"] == 1


async def test_an_oversize_dead_letter_keeps_what_fits(models: RunningModels) -> None:
    async with running(models) as harness:
        await take(harness, [steady(1)[0]._replace(value=bytes(900_000))])
        await harness.until(lambda: bool(harness.stored(DEAD_LETTERS.name)))

    letter = decode(DeadLetter, harness.stored(DEAD_LETTERS.name)[0].value or b"")
    assert "kept: the first 66560 of 900000 bytes" in letter.reason
    assert len(letter.payload) == 66_560


async def test_what_kafka_refuses_for_good_is_counted_and_does_not_stall(
    models: RunningModels,
) -> None:
    async with running(models) as harness:
        harness.sink.refuse = lambda record: "too large" if record.topic == RESULTS.name else None
        await take(harness, steady(12))
        await harness.until(lambda: harness.pipeline.counters()["results_refused"] == 3)

        assert harness.pipeline.partitions.committable(AUDIO.name, 0) == 7


async def test_after_a_rebalance_all_begins_anew_and_old_acks_are_ignored(
    models: RunningModels,
) -> None:
    async with running(models) as harness:
        harness.sink.away = True
        await take(harness, steady(30))
        await harness.until(lambda: harness.sink.in_flight == 11)

        harness.pipeline.drop()
        await take(harness, steady(2), generation=2)
        harness.sink.away = False
        harness.sink.poll()

        assert len(harness.results()) == 11
        assert harness.pipeline.partitions.committable(AUDIO.name, 0) == 0
        assert harness.pipeline.partitions.next_offset(AUDIO.name, 0) == 2


async def test_results_of_an_earlier_assignment_are_not_published(models: RunningModels) -> None:
    async with running(models) as harness:
        await take(harness, steady(30))
        harness.pipeline.drop()
        await asyncio.sleep(0.2)
        harness.sink.poll()

    assert harness.results() == []


async def test_the_history_lane_gives_late_results(models: RunningModels) -> None:
    async with running(models) as harness:
        await harness.pipeline.take(AUDIO_HISTORY.name, 0, 1, steady(6))
        await harness.until(lambda: len(harness.results()) == 1)

    assert harness.results()[0].late is True
    assert harness.results()[0].audio.topic == AUDIO_HISTORY.name


async def test_nothing_more_is_taken_while_kafka_confirms_nothing(
    models: RunningModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_processors.pipeline._MOST_IN_FLIGHT", 5)
    async with running(models) as harness:
        harness.sink.away = True
        await take(harness, steady(30))
        await harness.until(lambda: harness.sink.in_flight == 11)
        taking = asyncio.create_task(take(harness, steady(31)[30:]))
        await asyncio.sleep(0.15)
        assert not taking.done()

        harness.sink.away = False
        harness.sink.poll()
        async with asyncio.timeout(5):
            await taking


async def test_counters_tell_how_full_batches_are(models: RunningModels) -> None:
    async with running(models) as harness:
        await take(harness, steady(30))
        await harness.until(lambda: len(harness.results()) == 11)
        counters = harness.pipeline.counters()

    assert (counters["batches"], counters["batched_windows"]) == (1, 11)
    assert (counters["chunks"], counters["windows"], counters["results"]) == (30, 11, 11)
