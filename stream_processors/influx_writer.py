"""Whatever the writer takes from Kafka it brings to its end: in the database, or dead-lettered."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from ingest.chunk import decode_status
from ingest.kafka_sink import KafkaSink
from ingest.traces import Step, Tracing
from ingest.watched import WATCH
from models.errors import BadInputError, RecordError, RetryableError
from models.logs import about
from stream_processors import answers
from stream_processors.event_points import (
    alarm_line,
    delay_ms,
    heartbeat_line,
    stats_line,
    status_line,
)
from stream_processors.influx_settings import InfluxSettings
from stream_processors.influx_store import Store
from stream_processors.points import lines, require_finite
from stream_processors.record_source import Taken
from stream_processors.records import (
    AlarmEvent,
    DeadLetter,
    DeviceStats,
    Heartbeat,
    WindowResult,
    decode,
    encode,
    identity,
    stage_latencies_ms,
)
from stream_processors.topics import (
    ALARMS,
    DEAD_LETTERS,
    DEVICE_STATS,
    HEARTBEATS,
    RESULTS,
    STATUS,
)
from stream_processors.versions import fullest, held, is_contested, questions, to_write

WRITTEN = (RESULTS, ALARMS, DEVICE_STATS, STATUS, HEARTBEATS)
"""The topics that become series."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_TELL_AGAIN_S = 600.0
_STAGE = "influx"

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


@dataclass
class Counters:
    """What the writer's heartbeat counts since the writer started, by these names."""

    results: int = 0
    """Results taken from Kafka and settled."""
    events: int = 0
    """Alarms, reports of devices and heartbeats taken from Kafka and settled."""
    points_written: int = 0
    """Points that the database confirmed; repeated ones count again."""
    batches: int = 0
    """Requests that wrote points."""
    retries: int = 0
    """Attempts that failed because the database was away, slow or overloaded."""
    refused: int = 0
    """Records of which the database refused a point."""
    unreadable: int = 0
    """Records that are not what their topic says, or hold a number that is not finite."""
    dead_letters: int = 0
    """Refused and unreadable records that Kafka holds as dead letters."""
    less_full: int = 0
    """Results left out because the database holds a fuller version of the window."""
    database_away: int = 0
    """Not a count but a level: 1 while the last attempt has failed."""


class _Readable(NamedTuple):
    taken: Taken
    result: WindowResult


class _Point(NamedTuple):
    taken: Taken
    line: str


class _Read(NamedTuple):
    """A batch, sorted by what becomes of it."""

    results: list[_Readable]
    alarms: list[tuple[Taken, AlarmEvent]]
    points: list[_Point]
    letters: list[DeadLetter]


class Writer:
    """Brings one batch after the other to its end: in the database, or dead-lettered."""

    def __init__(
        self,
        settings: InfluxSettings,
        *,
        store: Store,
        sink: KafkaSink,
        tracing: Tracing | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counters = Counters()
        self._now_s = now_s
        self._tracing = tracing
        self._outage = _Outage()
        self._settings = settings
        self._store = store
        self._sink = sink

    async def settle(self, batch: Sequence[Taken]) -> None:
        """Return once nothing of the batch can be lost any more."""
        read = self._read(batch)
        worth = await self._worth_writing(read.results)
        began_us = _wall_clock_us()
        points = [
            *(
                _Point(taken, line)
                for taken, result in worth
                for line in lines(result, taken.published_us)
            ),
            *await self._alarm_points(read),
            *read.points,
        ]
        await self._bury([*read.letters, *await self._write(points)])
        if self._tracing is not None:
            _trace(self._tracing, worth, Step("influx: written", began_us, _wall_clock_us()))
        results = sum(taken.topic == RESULTS.name for taken in batch)
        self.counters.results += results
        self.counters.events += len(batch) - results

    async def insist(self, attempt: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Try until the database answers."""
        for pause_s in _pauses_s():
            try:
                answer = await attempt()
            except RetryableError as error:
                self.counters.retries += 1
                self.counters.database_away = 1
                self._outage.goes_on(str(error), self._now_s())
                await asyncio.sleep(max(pause_s, error.retry_after_s))
            else:
                self.counters.database_away = 0
                self._outage.is_over(self._now_s())
                return answer
        raise AssertionError("pauses never end")

    def _read(self, batch: Sequence[Taken]) -> _Read:
        read = _Read([], [], [], [])
        for taken in batch:
            try:
                _sort(taken, read)
            except BadInputError as error:
                self.counters.unreadable += 1
                read.letters.append(_dead_letter(taken, str(error)))
        return read

    async def _alarm_points(self, read: _Read) -> list[_Point]:
        """Points of alarms, answers with how long they were waited for."""
        events = [event for _, event in read.alarms]
        rang_us = answers.first_rings(events)
        asked = answers.to_ask_about(events, rang_us)
        if asked:
            statements = [answers.question(asked)]
            told = await self.insist(lambda: self._store.ask(statements))
            rang_us = answers.rang(told) | rang_us
        return [_Point(taken, _alarm_line(taken, event, rang_us)) for taken, event in read.alarms]

    async def _worth_writing(self, readable: Sequence[_Readable]) -> list[_Readable]:
        """Leave out what is less full than another version of the same window."""
        kept = [readable[i] for i in fullest([result for _, result in readable])]
        asked = questions(result for _, result in kept if is_contested(result))
        statements = [question.statement for question in asked]
        there = {}
        if asked:
            there = held(asked, await self.insist(lambda: self._store.ask(statements)))
        decided = [(taken, to_write(r, there.get(identity(r)))) for taken, r in kept]
        worth = [_Readable(taken, result) for taken, result in decided if result is not None]
        self.counters.less_full += len(readable) - len(worth)
        return worth

    async def _write(self, points: Sequence[_Point]) -> list[DeadLetter]:
        """Write all points and return a letter for each record of which one was refused."""
        reasons: dict[Taken, list[str]] = {}
        for start in range(0, len(points), self._settings.batch_points):
            part = points[start : start + self._settings.batch_points]
            write = partial(self._store.write, [line for _, line in part])
            refusals = await self.insist(write)
            self.counters.batches += 1
            self.counters.points_written += len(part) - len(refusals)
            for place, reason in refusals:
                taken, line = part[place]
                reasons.setdefault(taken, []).append(f"{line.partition(',')[0]}: {reason}")
        self.counters.refused += len(reasons)
        for taken, all_of in reasons.items():
            _log.warning("refused: %s", "; ".join(all_of), extra=_concern(taken))
        return [_dead_letter(taken, "; ".join(all_of)) for taken, all_of in reasons.items()]

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        """Return once Kafka holds the dead letters."""
        loop = asyncio.get_running_loop()
        fates = [loop.create_future() for _ in letters]
        for letter, fate in zip(letters, fates, strict=True):
            self._sink.produce(
                DEAD_LETTERS.name,
                None if letter.device_id is None else letter.device_id.encode(),
                encode(letter),
                timestamp_ms=letter.at_us // 1000,
                on_delivery=fate.set_result,
            )
        outcomes = await asyncio.gather(*fates)
        self.counters.dead_letters += sum(refusal is None for refusal in outcomes)


class _Outage:
    """What the log says of a database that is away: at once, seldom while it lasts, and its end."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._told_s = 0.0

    def goes_on(self, why: str, now_s: float) -> None:
        if self._since_s is None:
            self._since_s = now_s
        elif now_s < self._told_s + _TELL_AGAIN_S:
            return
        self._told_s = now_s
        _log.warning(
            "%s: is HEARTWARD_INFLUX_URL right? Results wait in Kafka; it is tried every %.0f s "
            "until it answers, and this is told again every %.0f min",
            why,
            _LONGEST_PAUSE_S,
            _TELL_AGAIN_S / 60,
        )

    def is_over(self, now_s: float) -> None:
        if self._since_s is not None:
            _log.info("InfluxDB answers again, after %.0f s", now_s - self._since_s)
            self._since_s = None


def _sort(taken: Taken, read: _Read) -> None:
    """Decode a record and make its points, as far as that needs no question.

    Raises
    ------
    BadInputError
        If it is not what its topic says, or holds a number that is not finite.
    """
    if not taken.value:  # a compacted topic says so of what is no more
        return
    match taken.topic:
        case RESULTS.name:
            result = decode(WindowResult, taken.value)
            require_finite(result)
            WATCH.stages_ms(stage_latencies_ms(result.stages, taken.published_us))
            read.results.append(_Readable(taken, result))
        case ALARMS.name:
            event = decode(AlarmEvent, taken.value)
            alarm_line(event)  # what cannot be written is refused before anything is asked
            _tell_delay(event, taken.published_us)
            read.alarms.append((taken, event))
        case DEVICE_STATS.name:
            read.points.append(_Point(taken, stats_line(decode(DeviceStats, taken.value))))
        case STATUS.name:
            status = decode_status(taken.value)
            line = status_line(_device_id(taken) or "", status, taken.published_us)
            read.points.append(_Point(taken, line))
        case HEARTBEATS.name:
            read.points.append(_Point(taken, heartbeat_line(decode(Heartbeat, taken.value))))
        case _:
            raise RecordError(f"{taken.topic} is no topic of series")


def _tell_delay(event: AlarmEvent, published_us: int) -> None:
    took_ms = delay_ms(event, published_us)
    if event.transition == "raised" and took_ms is not None:
        WATCH.alarm_ms(took_ms)


def _trace(tracing: Tracing, written: Sequence[_Readable], own: Step) -> None:
    """Go on with the traces that came along."""
    for taken, result in written:
        if taken.trace is not None:
            inferred_us = result.stages.inferred_us
            published = Step("kafka: result published", inferred_us, taken.published_us)
            tracing.tell(
                taken.trace,
                published,
                own,
                device=result.device_id,
                boot=result.boot_id,
                window=result.window_index,
            )


def _alarm_line(taken: Taken, event: AlarmEvent, rang_us: Mapping[str, int]) -> str:
    answered = event.transition == answers.ACKNOWLEDGED
    rang = rang_us.get(event.episode_id) if answered else None
    return alarm_line(event, published_us=taken.published_us, rang_us=rang)


def _pauses_s() -> Iterator[float]:
    pause_s = _FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _dead_letter(taken: Taken, reason: str) -> DeadLetter:
    return DeadLetter(
        at_us=_wall_clock_us(),
        stage=_STAGE,
        reason=reason,
        topic=taken.topic,
        partition=taken.partition,
        offset=taken.offset,
        device_id=_device_id(taken),
        payload=taken.value,
    )


def _concern(taken: Taken) -> dict[str, str | int]:
    """What a line of the log is about."""
    is_result = taken.topic == RESULTS.name
    return about(
        device=_device_id(taken),
        window=decode(WindowResult, taken.value).window_index if is_result else None,
        partition=f"{taken.topic}/{taken.partition}",
        offset=taken.offset,
    )


def _device_id(taken: Taken) -> str | None:
    return None if taken.key is None else taken.key.decode(errors="replace")


def _wall_clock_us() -> int:
    return time.time_ns() // 1000
