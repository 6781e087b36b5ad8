"""The order of writing: state, then events, then the acknowledgement."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ingest.connections import load
from ingest.kafka_sink import MemorySink, StoredRecord, keep_polling
from models.errors import RetryableError
from stream_processors.alarm_inputs import TOPICS
from stream_processors.alarm_pipeline import AlarmPipeline
from stream_processors.alarm_settings import AlarmSettings
from stream_processors.alarms.parts_heard import PIPELINE, RESULT_DELAY
from stream_processors.alarms.profiles import Profiles
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import (
    AlarmAction,
    AlarmEpisode,
    AlarmEvent,
    AlarmState,
    DeadLetter,
    Heartbeat,
    Record,
    decode,
    encode,
)
from stream_processors.topics import ALARM_ACTIONS, ALARM_STATE, ALARMS, DEAD_LETTERS, RESULTS
from tests.unit.stream_processors import logs
from tests.unit.stream_processors.alarms.bedside import ANN, QUICK, us, window

NOW_S = 100.0


def record(offset: int, given: Record | bytes, *, at_s: float = NOW_S, key: str = "d1") -> Any:
    value = given if isinstance(given, bytes) else encode(given)
    return logs.Record(offset, us(at_s) // 1000, key.encode(), value, ())


def abnormal(number: int, *, first: int = 0) -> list[Any]:
    return [record(k, window(k, at_s=NOW_S, abnormal=0.9)) for k in range(first, first + number)]


class Desk:
    """A pipeline between lists; `states` is what its state topic holds."""

    def __init__(self, states: list[AlarmState] | None = None) -> None:
        self.sink = MemorySink()
        self.states = states or []
        self.failures = 0
        assignments = AssignmentHistory()
        assignments.step(ANN.assignment_id, ANN)
        self.pipeline = AlarmPipeline(
            load(AlarmSettings, {"tick_s": 0.05, "checkpoint_s": 0.2}),
            sink=self.sink,
            load=self._load,
            profiles=Profiles(QUICK),
            assignments=assignments,
            partitions=1,
            now_us=lambda: us(NOW_S),
        )

    def _load(self, _partition: int) -> list[AlarmState]:
        if self.failures:
            self.failures -= 1
            raise RetryableError("Kafka is away", retry_after_s=0.01)
        return self.states

    async def results(self, records: list[Any], *, generation: int = 1) -> None:
        await self.pipeline.take(RESULTS.name, 0, generation, records)

    def stored(self, topic: str) -> list[StoredRecord]:
        return [record for record in self.sink.stored if record.topic == topic]

    def events(self) -> list[AlarmEvent]:
        return [decode(AlarmEvent, r.value or b"") for r in self.stored(ALARMS.name)]

    def last_state(self) -> AlarmState:
        return decode(AlarmState, self.stored(ALARM_STATE.name)[-1].value or b"")


@contextmanager
def polled(desk: Desk) -> Iterator[None]:
    polling = asyncio.ensure_future(keep_polling(desk.sink, every_s=0.001))
    try:
        yield
    finally:
        polling.cancel()


@contextmanager
def running(desk: Desk) -> Iterator[None]:
    task = asyncio.ensure_future(desk.pipeline.run())
    try:
        with polled(desk):
            yield
    finally:
        task.cancel()


async def settle() -> None:
    await asyncio.sleep(0.05)


async def test_no_event_goes_out_before_its_state_is_stored() -> None:
    desk = Desk()
    desk.sink.away = True
    await desk.results(abnormal(2))
    desk.sink.away = False
    desk.sink.poll()
    topics = [stored.topic for stored in desk.sink.stored]
    assert topics == [ALARM_STATE.name, ALARMS.name, ALARMS.name]
    assert [e.transition for e in desk.last_state().outbox] == ["pending", "raised"]


async def test_nothing_is_acknowledged_before_its_state_is_stored() -> None:
    desk = Desk()
    await desk.results([record(7, window(0, at_s=NOW_S))])
    assert desk.pipeline.committable(RESULTS.name, 0) is None
    assert desk.pipeline.next_offset(RESULTS.name, 0) == 8
    desk.sink.away = True
    checkpoint = asyncio.ensure_future(desk.pipeline.checkpoint())
    with polled(desk):
        await settle()
        assert desk.pipeline.committable(RESULTS.name, 0) is None
        desk.sink.away = False
        await checkpoint
    assert desk.pipeline.committable(RESULTS.name, 0) == 8


async def test_what_may_not_have_gone_out_goes_out_again_bit_for_bit() -> None:
    first = Desk()
    await first.results(abnormal(2))
    first.sink.poll()
    left = decode(AlarmState, first.stored(ALARM_STATE.name)[-1].value or b"")
    second = Desk([left])
    await second.results([record(2, window(2, at_s=NOW_S, abnormal=0.9))])
    with polled(second):
        await settle()
    assert [encode(e) for e in second.events()] == [encode(e) for e in first.events()]


async def test_what_has_gone_out_leaves_the_state() -> None:
    desk = Desk()
    with polled(desk):
        await desk.results(abnormal(2))
        await settle()
        await desk.pipeline.checkpoint()
    assert desk.last_state().outbox == ()
    assert [e.transition for e in desk.events()] == ["pending", "raised"]


async def test_a_new_assignment_of_partitions_begins_with_what_is_saved() -> None:
    desk = Desk()
    with polled(desk):
        await desk.results(abnormal(1))
        await settle()
        desk.states = [desk.last_state()]
        await desk.results(abnormal(2), generation=2)
        await settle()
    assert [e.transition for e in desk.events()][-1] == "raised"
    assert len({e.event_id for e in desk.events()}) == 2


async def test_events_of_partitions_that_were_taken_away_are_left_to_the_next() -> None:
    desk = Desk()
    desk.sink.away = True
    await desk.results(abnormal(2))
    desk.pipeline.drop()
    desk.sink.away = False
    desk.sink.poll()
    assert desk.events() == []
    assert len(desk.last_state().outbox) == 2


async def test_it_waits_for_the_states_as_long_as_it_takes() -> None:
    desk = Desk()
    desk.failures = 3
    await asyncio.wait_for(desk.results(abnormal(2)), 5)
    desk.sink.poll()
    assert len(desk.events()) == 2


async def test_an_action_reaches_its_alarm() -> None:
    desk = Desk()
    action = AlarmAction(action_id="x", action="acknowledge", actor="nurse", at_us=us(NOW_S))
    with polled(desk):
        await desk.results(abnormal(2))
        await desk.pipeline.take(ALARM_ACTIONS.name, 0, 1, [record(0, action)])
        await settle()
    assert desk.events()[-1].state_to == "acknowledged"


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (b"\xc1", "d1", "1 bytes are not a WindowResult"),
        (window(0, at_s=NOW_S), "d 1", "the key 'd 1' is no device id"),
        (window(0, at_s=NOW_S), "d2", "a result of 'd1' has the key 'd2'"),
        (window(-1, at_s=NOW_S), "d1", "window -1 with quality 0.9 cannot be"),
    ],
)
async def test_what_cannot_be_read_is_buried_and_what_follows_is_not(
    value: Any, key: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    with polled(desk):
        await desk.results([record(0, value, key=key), *abnormal(2, first=1)])
        await settle()
    letter = decode(DeadLetter, desk.stored(DEAD_LETTERS.name)[0].value or b"")
    assert reason in letter.reason
    assert (letter.stage, letter.offset) == ("alarms", 0)
    assert [e.transition for e in desk.events()] == ["pending", "raised"]
    assert desk.pipeline.counters()["dead_letters"] == 1
    (line,) = (vars(each) for each in caplog.records if reason in each.getMessage())
    assert (line["device"], line["partition"], line["offset"]) == (key, "pcg.results/0", 0)


@pytest.mark.parametrize(("actor", "action_id"), [("", "x"), ("n" * 201, "x"), ("nurse", "")])
async def test_an_action_without_a_name_is_refused(actor: str, action_id: str) -> None:
    desk = Desk()
    action = AlarmAction(action_id=action_id, action="standby", actor=actor, at_us=0)
    with polled(desk):
        await desk.pipeline.take(ALARM_ACTIONS.name, 0, 1, [record(0, action)])
        await settle()
    assert desk.events() == []
    assert len(desk.stored(DEAD_LETTERS.name)) == 1


async def test_a_worker_that_is_behind_says_itself_that_results_are_late() -> None:
    desk = Desk()
    desk.pipeline.lag = lambda: dict.fromkeys((f"{topic.name}/0" for topic in TOPICS), 1000)
    desk.pipeline.generation = lambda: 1
    desk.pipeline.beats.append((_alarm_worker(result_delay_s=40.0), us(NOW_S)))
    with running(desk):
        await asyncio.sleep(0.5)
    (late,) = desk.events()
    assert (late.condition, late.rings) == ("pipeline_late", True)
    assert late.cause == "results 40 s late > 10 s"


async def test_the_pipeline_itself_is_not_forgotten_at_every_checkpoint() -> None:
    desk = Desk()
    desk.pipeline.lag = lambda: dict.fromkeys((f"{topic.name}/0" for topic in TOPICS), 0)
    desk.pipeline.generation = lambda: 1
    with running(desk):
        await asyncio.sleep(0.7)
    assert {stored.key for stored in desk.stored(ALARM_STATE.name)} == {b"d1"}


async def test_an_alarm_of_a_part_that_nobody_knows_any_more_ends() -> None:
    lost = AlarmEpisode(
        episode_id="e1",
        condition="monitoring_lost/b1",
        kind="technical",
        priority="high",
        state="acknowledged",
        transition_no=2,
        began_us=us(0),
        cause="no word of bridge b1 for 10 s",
    )
    desk = Desk([AlarmState(device_id=PIPELINE, episodes=(lost,))])
    desk.pipeline.lag = lambda: dict.fromkeys((f"{topic.name}/0" for topic in TOPICS), 0)
    desk.pipeline.generation = lambda: 1
    with running(desk):
        await asyncio.sleep(0.5)
    assert [(e.condition, e.state_to) for e in desk.events()] == [("monitoring_lost/b1", "cleared")]


def _alarm_worker(*, result_delay_s: float) -> Heartbeat:
    return Heartbeat(
        kind="alarms",
        instance="a1",
        process="alarms",
        pid=1,
        at_us=us(NOW_S),
        started_us=us(0),
        partitions=("pcg.results/0",),
        counters={RESULT_DELAY: result_delay_s},
    )


async def test_time_passes_only_where_nothing_waits_to_be_read() -> None:
    desk = Desk()
    lag: dict[str, int | None] = dict.fromkeys(
        ("pcg.results/0", "pcg.alarm-actions/0", "pcg.status/0", "pcg.device-stats/0"), 0
    )
    desk.pipeline.lag = lambda: lag
    desk.pipeline.generation = lambda: 1
    with running(desk):
        lag["pcg.results/0"] = 1000
        await asyncio.sleep(0.3)
        assert desk.pipeline.counters()["devices"] == 1  # the pipeline, told of all the same
        lag["pcg.results/0"] = 0
        await asyncio.sleep(0.5)
        assert desk.pipeline.counters()["devices"] == 2  # the one that is worn, the pipeline
        desk.pipeline.drop()
        await asyncio.sleep(0.3)
        assert desk.pipeline.counters()["devices"] == 0  # others have them by now
        desk.pipeline.generation = lambda: 2
        await asyncio.sleep(0.5)
        assert desk.pipeline.counters()["devices"] == 2
