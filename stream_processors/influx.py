"""The InfluxDB writer: results from Kafka into the database, however long that is away.

    python -m stream_processors.influx

It is a plain consumer and no Faust agent: it needs no state, no joins and no timers of Faust, but
batches of its own size and offsets that move only after the database has confirmed them. While
the database is away Kafka keeps the results; the other processes notice nothing.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import ClassVar, NamedTuple, TypeVar

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.connections import InfluxConnection, KafkaConnection, load
from ingest.kafka_sink import ConfluentSink, KafkaSink, OnDelivery, keep_polling
from models import logs
from models.errors import RecordError, RetryableError, UserError
from stream_processors.influx_store import InfluxStore, Store
from stream_processors.points import lines, require_finite
from stream_processors.records import (
    DeadLetter,
    Heartbeat,
    Record,
    WindowResult,
    decode,
    encode,
    identity,
)
from stream_processors.result_source import ResultSource, Taken
from stream_processors.topics import DEAD_LETTERS, HEARTBEATS, RESULTS, Topic
from stream_processors.versions import fullest, held, is_contested, questions, to_write

_HEARTBEAT_EVERY_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_FLUSH_S = 0.5
_STAGE = "influx"

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class InfluxSettings(BaseSettings):
    """How the writer works; where the database is says `InfluxConnection`."""

    model_config = SettingsConfigDict(env_prefix="HEARTWARD_INFLUX_", extra="ignore")
    title: ClassVar[str] = "InfluxDB writer"

    name: str = Field(
        "influx",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Name of this writer, its own among all writers of the group.",
    )
    group: str = Field(
        "heartward-influx",
        description="Consumer group; its writers share the load, another group writes all again.",
    )
    batch_results: int = Field(
        250, ge=1, le=10_000, description="Results that are written together at most."
    )
    batch_points: int = Field(500, ge=1, le=10_000, description="Points in one request at most.")
    batch_s: float = Field(
        1.0, ge=0.05, le=10.0, description="How long a result waits for others, in seconds."
    )


@dataclass
class Counters:
    """What the writer's heartbeat counts since the writer started, by these names."""

    results: int = 0
    """Results taken from Kafka and settled."""
    points_written: int = 0
    """Points that the database confirmed; repeated ones count again."""
    batches: int = 0
    """Requests that wrote points."""
    retries: int = 0
    """Attempts that failed because the database was away, slow or overloaded."""
    refused: int = 0
    """Results of which the database refused a point."""
    unreadable: int = 0
    """Records that are no results, or hold a number that is not finite."""
    dead_letters: int = 0
    """Refused and unreadable records that Kafka holds as dead letters."""
    less_full: int = 0
    """Results left out because the database holds a fuller version of the window."""
    database_away: int = 0
    """Not a count but a level: 1 while the last attempt has failed."""


class _Readable(NamedTuple):
    taken: Taken
    result: WindowResult


class Writer:
    """Brings one batch after the other to its end: in the database, or dead-lettered."""

    def __init__(self, settings: InfluxSettings, *, store: Store, sink: KafkaSink) -> None:
        self.counters = Counters()
        self._settings = settings
        self._store = store
        self._sink = sink

    async def settle(self, batch: Sequence[Taken]) -> None:
        """Return once nothing of the batch can be lost any more."""
        readable, letters = self._read(batch)
        letters += await self._write(await self._worth_writing(readable))
        await self._bury(letters)
        self.counters.results += len(batch)

    async def insist(self, attempt: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Try until the database answers."""
        for pause_s in _pauses_s():
            try:
                answer = await attempt()
            except RetryableError as error:
                self.counters.retries += 1
                self.counters.database_away = 1
                _log.warning("%s; the results wait in Kafka", error)
                await asyncio.sleep(max(pause_s, error.retry_after_s))
            else:
                self.counters.database_away = 0
                return answer
        raise AssertionError("pauses never end")

    def _read(self, batch: Sequence[Taken]) -> tuple[list[_Readable], list[DeadLetter]]:
        readable: list[_Readable] = []
        letters: list[DeadLetter] = []
        for taken in batch:
            try:
                result = decode(WindowResult, taken.value)
                require_finite(result)
            except RecordError as error:
                self.counters.unreadable += 1
                letters.append(_dead_letter(taken, str(error)))
            else:
                readable.append(_Readable(taken, result))
        return readable, letters

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

    async def _write(self, worth: Sequence[_Readable]) -> list[DeadLetter]:
        """Write all points and return a letter for each result of which one was refused."""
        points = [(t, line) for t, result in worth for line in lines(result, t.published_us)]
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
        return [_dead_letter(taken, "; ".join(all_of)) for taken, all_of in reasons.items()]

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        """Return once Kafka holds the dead letters."""
        loop = asyncio.get_running_loop()
        fates = [loop.create_future() for _ in letters]
        for letter, fate in zip(letters, fates, strict=True):
            _produce(
                self._sink, DEAD_LETTERS, letter.device_id, letter, on_delivery=fate.set_result
            )
        outcomes = await asyncio.gather(*fates)
        self.counters.dead_letters += sum(refusal is None for refusal in outcomes)


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
        topic=RESULTS.name,
        partition=taken.partition,
        offset=taken.offset,
        device_id=None if taken.key is None else taken.key.decode(errors="replace"),
        payload=taken.value,
    )


def _heartbeat(
    settings: InfluxSettings, *, started_us: int, source: ResultSource, counters: Counters
) -> Heartbeat:
    return Heartbeat(
        process="influx",
        kind="influx",
        instance=settings.name,
        pid=os.getpid(),
        at_us=_wall_clock_us(),
        started_us=started_us,
        partitions=source.partitions(),
        lag=source.lag(),
        counters=asdict(counters),
    )


async def _keep_beating(sink: KafkaSink, beat: Callable[[], Heartbeat]) -> None:
    while True:
        if sink.in_flight == 0:  # what Kafka cannot take now need not wait for it in a queue
            heartbeat = beat()
            _produce(sink, HEARTBEATS, f"_pipeline/{heartbeat.instance}", heartbeat)
        await asyncio.sleep(_HEARTBEAT_EVERY_S)


async def _keep_writing(
    settings: InfluxSettings, writer: Writer, store: InfluxStore, source: ResultSource
) -> None:
    await writer.insist(store.require)
    while True:
        batch = await source.take(settings.batch_results, settings.batch_s)
        await writer.settle(batch)
        source.settled(batch)


async def _serve(
    settings: InfluxSettings, influx: InfluxConnection, sink: KafkaSink, source: ResultSource
) -> None:
    """Write until SIGTERM or SIGINT; what is not settled by then is taken again."""
    started_us = _wall_clock_us()
    store = InfluxStore(influx)
    writer = Writer(settings, store=store, sink=sink)
    writing = asyncio.create_task(_keep_writing(settings, writer, store, source))

    def beat() -> Heartbeat:
        return _heartbeat(settings, started_us=started_us, source=source, counters=writer.counters)

    tasks = [
        writing,
        asyncio.create_task(_keep_beating(sink, beat)),
        asyncio.create_task(keep_polling(sink, every_s=0.02)),
    ]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, writing.cancel)
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()
    for task in ended:
        if not task.cancelled():
            task.result()


def run(settings: InfluxSettings, kafka: KafkaConnection, influx: InfluxConnection) -> None:
    """Be the writer until SIGTERM or SIGINT, from the main thread.

    Raises
    ------
    UserError
        In one line, when at the start Kafka cannot be used, topics are missing, or the database
        does not accept token, organisation or bucket. A database that is away is waited for.
    """
    logs.configure(f"influx/{settings.name}")
    if influx.url is None:
        raise UserError("no InfluxDB to write to: give its address in HEARTWARD_INFLUX_URL")
    sink = ConfluentSink(kafka, client_id=f"influx.{settings.name}")
    sink.require([topic.name for topic in (RESULTS, DEAD_LETTERS, HEARTBEATS)])
    source = ResultSource(kafka, group=settings.group, client_id=f"influx.{settings.name}")
    try:
        asyncio.run(_serve(settings, influx, sink, source))
    finally:
        source.close()
        sink.flush(_FLUSH_S)
        sink.close()


def main() -> int:
    """Run with settings from the environment."""
    try:
        run(load(InfluxSettings), load(KafkaConnection), load(InfluxConnection))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _produce(
    sink: KafkaSink,
    topic: Topic,
    key: str | None,
    record: Record,
    on_delivery: OnDelivery | None = None,
) -> None:
    sink.produce(
        topic.name,
        None if key is None else key.encode(),
        encode(record),
        timestamp_ms=_wall_clock_us() // 1000,
        on_delivery=on_delivery,
    )


def _wall_clock_us() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    sys.exit(main())
