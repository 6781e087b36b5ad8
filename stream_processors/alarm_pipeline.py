"""Everything of an alarm worker but where its records come from.

A partition number means that partition of every topic that is joined by device; one worker has
them all. Its desk begins with the states that the worker before has saved.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from ingest.kafka_sink import KafkaSink
from models.errors import BadInputError, RetryableError
from models.logs import about
from stream_processors.alarm_inputs import TOPICS, read_input
from stream_processors.alarm_settings import AlarmSettings
from stream_processors.alarms.desk import Desk, Saved
from stream_processors.alarms.machine import Readings
from stream_processors.alarms.parts_heard import PIPELINE, RESULT_DELAY, PartsHeard
from stream_processors.alarms.profiles import Profiles
from stream_processors.arrivals import LogRecord
from stream_processors.assignments import AssignmentHistory
from stream_processors.dead_letters import dead_letter, where
from stream_processors.placement import partition_of
from stream_processors.records import (
    AlarmEvent,
    AlarmState,
    Heartbeat,
    WindowResult,
    encode,
)
from stream_processors.topics import ALARM_STATE, ALARMS, DEAD_LETTERS

Load = Callable[[int], list[AlarmState]]

_STAGE = "alarms"
_MOST_IN_FLIGHT = 10_000
_PAUSE_S = 0.05
_NEAR_ZERO = 20  # records behind; beside one for each device
_DELAY_FADES_S = 2.0
_SENT_REMEMBERED = 10_000

_log = logging.getLogger(__name__)


class _Partition:
    """One partition of this assignment; `is_ours` ends with it."""

    def __init__(self, number: int, owner_us: int) -> None:
        self.number = number
        self.owner_us = owner_us
        self.is_ours = True
        self.desk: Desk | None = None
        self.ready = asyncio.Event()
        self.next_offset: dict[str, int] = {}
        self.saved_to: dict[str, int] = {}
        self.writes: set[asyncio.Future[None]] = set()
        self.sent: dict[str, None] = {}

    def new_write(self) -> asyncio.Future[None]:
        """Something on its way to Kafka, before which nothing is finished with."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.writes.add(done)
        done.add_done_callback(self.writes.discard)
        return done


class AlarmPipeline:
    """Takes fetches, lets time pass, and keeps to the order of writing."""

    def __init__(
        self,
        settings: AlarmSettings,
        *,
        sink: KafkaSink,
        load: Load,
        profiles: Profiles,
        assignments: AssignmentHistory,
        partitions: int,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._load = load
        self._profiles = profiles
        self._assignments = assignments
        self._parts_heard = PartsHeard(now_us())
        self._number_of_partitions = partitions
        self._now_us = now_us
        self._generation = -1
        self._given_back: int | None = None  # the generation whose partitions are others' by now
        self._partitions: dict[int, _Partition] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts = dict.fromkeys(
            ("results", "inputs", "events", "rings", "states", "dead_letters", "useless_actions"), 0
        )
        self._delay_s, self._delay_at_us = 0.0, 0
        self.lag: Callable[[], dict[str, int | None]] = dict
        self.generation: Callable[[], int] = lambda: self._generation
        self.beats: deque[tuple[Heartbeat, int]] = deque()

    async def take(
        self, topic: str, number: int, generation: int, records: Sequence[LogRecord]
    ) -> None:
        """Take a fetch's records; return when there is room for more."""
        place = await self._partition(number, generation)
        if place is None or place.desk is None:
            return
        self._given_back = None
        for record in records:
            if record.offset >= place.next_offset.get(topic, 0):
                self._take_one(place, topic, record)
                place.next_offset[topic] = record.offset + 1
        self._save(place, urgent_only=True)
        while self._sink.in_flight > _MOST_IN_FLIGHT:  # noqa: ASYNC110 (a sink has no event)
            await asyncio.sleep(_PAUSE_S)

    async def run(self) -> None:
        """Let time pass for every device, and write down what changed, until cancelled."""
        checkpoint_due_s = 0.0
        while True:
            await asyncio.sleep(self._settings.tick_s)
            lag, generation = self.lag(), self.generation()
            while self.beats:
                self._parts_heard.take(*self.beats.popleft())
            for number in sorted({int(name.rpartition("/")[2]) for name in lag}):
                # While partitions change hands Faust still names those that were ours.
                if generation in (self._given_back, -1) or generation != self.generation():
                    break
                place = await self._partition(number, generation)
                if place is not None:
                    self._tick(place, lag)
            if time.monotonic() >= checkpoint_due_s:
                checkpoint_due_s = time.monotonic() + self._settings.checkpoint_s
                await self.checkpoint()

    async def checkpoint(self) -> None:
        """Write all that changed; once Kafka has it, the inputs so far are finished with."""
        for place in list(self._partitions.values()):
            if place.desk is None:
                continue
            reached = dict(place.next_offset)
            self._save(place, urgent_only=False)
            for saved in place.desk.forget_idle(self._now_us()):
                self._write(place, saved)
            if place.writes:
                await asyncio.wait(set(place.writes))
            place.saved_to = reached

    def drop(self) -> None:
        """Before partitions are given back: what is on its way arrives, then all is forgotten."""
        self._sink.flush(1.0)
        for place in self._partitions.values():
            place.is_ours = False
        self._partitions.clear()
        self._given_back = self._generation

    def committable(self, topic: str, number: int) -> int | None:
        place = self._partitions.get(number)
        return None if place is None else place.saved_to.get(topic)

    def next_offset(self, topic: str, number: int) -> int | None:
        place = self._partitions.get(number)
        return None if place is None else place.next_offset.get(topic)

    def counters(self) -> dict[str, float]:
        """What the heartbeat counts; devices, open alarms and the delay are levels."""
        desks = [place.desk for place in self._partitions.values() if place.desk is not None]
        states = [state for desk in desks for state in desk.states]
        fades = (self._now_us() - self._delay_at_us) / 1e6 > _DELAY_FADES_S
        return {
            **self._counts,
            "devices": len(states),
            "open_alarms": sum(len(state.episodes) for state in states),
            RESULT_DELAY: 0.0 if fades else self._delay_s,
            "in_flight": self._sink.in_flight,
            "kafka_errors": self._sink.errors,
        }

    async def _partition(self, number: int, generation: int) -> _Partition | None:
        """The partition with its states loaded; None when it was taken away meanwhile."""
        if generation != self._generation:
            self.drop()
            self._generation, self._given_back = generation, None
        place = self._partitions.get(number)
        if place is None:
            place = self._partitions[number] = _Partition(number, self._now_us())
            task = asyncio.ensure_future(self._begin(place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await place.ready.wait()
        return place if place.is_ours else None

    async def _begin(self, place: _Partition) -> None:
        """Read the states; an event that may not have gone out goes out now."""
        while place.is_ours:
            try:
                states = await asyncio.to_thread(self._load, place.number)
            except RetryableError as error:
                _log.warning("%s; trying again", error)
                await asyncio.sleep(error.retry_after_s)
                continue
            place.desk = Desk(
                owner_us=place.owner_us,
                states=states,
                profiles=self._profiles,
                assignments=self._assignments,
            )
            self._save(place, urgent_only=True)
            _log.info("partition %d: %d devices known", place.number, len(states))
            break
        place.ready.set()

    def _take_one(self, place: _Partition, topic: str, record: LogRecord) -> None:
        assert place.desk is not None  # noqa: S101 (whoever calls has looked)
        now_us = self._now_us()
        try:
            taken = read_input(topic, record)
        except BadInputError as error:
            self._bury(place, topic, record, str(error))
            return
        if taken is None:
            return
        note = place.desk.take(taken.device_id, taken.given, at_us=taken.at_us, wall_us=now_us)
        self._counts["inputs"] += 1
        if isinstance(taken.given, WindowResult):
            self._counts["results"] += 1
            self._note_delay(taken.given, now_us)
        if note is not None:
            self._counts["useless_actions"] += 1
            _log.warning("%s", note, extra=about(device=taken.device_id))

    def _note_delay(self, result: WindowResult, now_us: int) -> None:
        """How late live results are here: the worst of the last seconds."""
        if result.late:
            return
        delay_s = (now_us - result.stages.received_us) / 1e6
        fades = (now_us - self._delay_at_us) / 1e6 > _DELAY_FADES_S
        if fades or delay_s >= self._delay_s:
            self._delay_s, self._delay_at_us = delay_s, now_us

    def _tick(self, place: _Partition, lag: dict[str, int | None]) -> None:
        """Time passes only where nothing waits to be read: what waits tells its own time.

        What is true of the pipeline itself is told all the same; else no worker could tell that
        it is the one who is late.
        """
        behind = [lag.get(f"{topic.name}/{place.number}") for topic in TOPICS]
        records = [each for each in behind if each is not None]
        if place.desk is None or len(records) < len(behind):
            return
        now_us = self._now_us()
        if max(records) <= _NEAR_ZERO + len(place.desk):
            ours = [d for d in self._assignments.device_ids() if self._place_of(d) == place.number]
            whole_us = self._parts_heard.path_whole_us(now_us)
            place.desk.tick(ours, now_us=now_us, path_whole_us=whole_us)
        if self._place_of(PIPELINE) == place.number:
            self._tell_of_parts(place.desk, now_us)
        self._save(place, urgent_only=True)

    def _tell_of_parts(self, desk: Desk, now_us: int) -> None:
        told = desk.open_conditions(PIPELINE)
        readings = self._parts_heard.readings(now_us, self._profiles.common, open_now=told)
        desk.take(PIPELINE, Readings(readings), at_us=now_us, wall_us=now_us)

    def _place_of(self, device_id: str) -> int:
        return partition_of(device_id, self._number_of_partitions)

    def _save(self, place: _Partition, *, urgent_only: bool) -> None:
        assert place.desk is not None  # noqa: S101 (whoever calls has looked)
        for saved in place.desk.unsaved(urgent_only=urgent_only):
            self._write(place, saved)

    def _write(self, place: _Partition, saved: Saved) -> None:
        done = place.new_write()
        self._sink.produce(
            ALARM_STATE.name,
            saved.device_id.encode(),
            None if saved.state is None else encode(saved.state),
            timestamp_ms=self._now_us() // 1000,
            on_delivery=partial(self._written, place, saved, done),
        )

    def _written(
        self, place: _Partition, saved: Saved, done: asyncio.Future[None], refusal: str | None
    ) -> None:
        done.set_result(None)
        if refusal is not None:
            whose = about(device=saved.device_id)
            _log.error("Kafka refuses a state for good: %s", refusal, extra=whose)
        self._counts["states"] += 1
        if not place.is_ours:
            return  # the next worker finds them in the state, and sends them
        for event in saved.events:
            if event.event_id not in place.sent:
                place.sent[event.event_id] = None
                self._send(place, event)
        while len(place.sent) > _SENT_REMEMBERED:
            del place.sent[next(iter(place.sent))]

    def _send(self, place: _Partition, event: AlarmEvent) -> None:
        self._sink.produce(
            ALARMS.name,
            event.device_id.encode(),
            encode(event),
            timestamp_ms=self._now_us() // 1000,
            on_delivery=partial(self._sent, place, event),
        )

    def _sent(self, place: _Partition, event: AlarmEvent, refusal: str | None) -> None:
        if refusal is not None:
            whose = about(device=event.device_id)
            _log.error("Kafka refuses an alarm for good: %s", refusal, extra=whose)
        self._counts["events"] += 1
        self._counts["rings"] += event.rings
        if place.is_ours and place.desk is not None:
            place.desk.gone_out(event)

    def _bury(self, place: _Partition, topic: str, record: LogRecord, reason: str) -> None:
        now_us = self._now_us()
        self._counts["dead_letters"] += 1
        _log.warning("dead-lettered: %s", reason, extra=where(record, topic, place.number))
        letter = dead_letter(
            record,
            stage=_STAGE,
            topic=topic,
            partition=place.number,
            reason=reason,
            at_us=now_us,
        )
        done = place.new_write()
        self._sink.produce(
            DEAD_LETTERS.name,
            record.key,
            encode(letter),
            timestamp_ms=now_us // 1000,
            on_delivery=lambda _refusal: done.set_result(None),
        )
