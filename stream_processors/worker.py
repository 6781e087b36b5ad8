"""A worker's parts, held together: its Faust app, its stages, its tables and its heartbeats."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable
from typing import Literal, Protocol

from ingest.kafka_sink import KafkaSink, keep_polling
from ingest.watched import WATCH
from models.errors import HeartwardError
from stream_processors.compacted import CompactedTopics
from stream_processors.driver import FetchApp
from stream_processors.records import Heartbeat, encode
from stream_processors.topics import HEARTBEATS

_HEARTBEAT_EVERY_S = 2.0
_FOLLOW_EVERY_S = 0.2
_POLL_EVERY_S = 0.02  # only commits wait for it: librdkafka sends by itself
_STOP_WITHIN_S = 2.5


class Stages(Protocol):
    """What a worker runs beside its app."""

    async def run(self) -> None: ...
    def counters(self) -> dict[str, float]: ...


class Worker:
    """The parts of one worker, held together until somebody stops it or one of them fails."""

    def __init__(
        self,
        name: str,
        *,
        app: FetchApp,
        pipeline: Stages,
        tables: CompactedTopics,
        sink: KafkaSink,
        kind: Literal["audio", "alarms"] = "audio",
    ) -> None:
        self._name = name
        self._kind: Literal["audio", "alarms"] = kind
        self._app = app
        self._pipeline = pipeline
        self._tables = tables
        self._sink = sink
        self._started_us = _wall_clock_us()
        self._beat_in_flight = False

    async def serve(self, until: Awaitable[object]) -> None:
        """Work until then; what is not committed is read again by whoever comes next."""
        parts = (
            self._pipeline.run(),
            self._run_app(),
            self._follow_tables(),
            self._keep_beating(),
            keep_polling(self._sink, every_s=_POLL_EVERY_S),
        )
        tasks = [asyncio.ensure_future(part) for part in (until, *parts)]
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        _end_by_force_if_needed(status=0 if tasks[0] in ended else 1)
        await self._app.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended:
            task.result()

    async def _run_app(self) -> None:
        """Never returns; raises what brought the app down."""
        await self._app.start()
        await self._app.wait_until_stopped()
        raise self._app.crash_reason or HeartwardError("Faust has stopped by itself")

    async def _follow_tables(self) -> None:
        """In a thread: to load a model takes longer than the event loop can wait."""
        while True:
            await asyncio.sleep(_FOLLOW_EVERY_S)
            await asyncio.to_thread(self._tables.follow)

    async def _keep_beating(self) -> None:
        while True:
            WATCH.alive()
            if not self._beat_in_flight:
                self._beat()
            await asyncio.sleep(_HEARTBEAT_EVERY_S)

    def _beat(self) -> None:
        now_us = _wall_clock_us()
        lag = self._app.lag()
        beat = Heartbeat(
            process="worker" if self._kind == "audio" else self._kind,
            kind=self._kind,
            instance=self._name,
            pid=os.getpid(),
            at_us=now_us,
            started_us=self._started_us,
            partitions=tuple(sorted(lag)),
            lag={name: records for name, records in lag.items() if records is not None},
            counters=self._pipeline.counters() | {"commit_age_s": self._app.commit_age_s()},
        )
        self._beat_in_flight = True
        WATCH.beat(beat)
        self._sink.produce(
            HEARTBEATS.name,
            f"_pipeline/{self._name}".encode(),
            encode(beat),
            timestamp_ms=now_us // 1000,
            on_delivery=self._beat_delivered,
        )

    def _beat_delivered(self, _refusal: str | None) -> None:
        self._beat_in_flight = False


def _end_by_force_if_needed(*, status: int) -> None:
    """Faust's threads wait for a Kafka that is away for as long as it takes.

    Nothing is lost by an end without ceremony: all state is in the log.
    """
    force = threading.Timer(_STOP_WITHIN_S, os._exit, (status,))
    force.daemon = True
    force.start()


async def asked_to_end() -> None:
    """Return when the process is asked to end."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


def _wall_clock_us() -> int:
    return time.time_ns() // 1000
