"""What runs beside the pages in every console: the live ward, the history, the outbox.

The live ward lives in the event loop and never touches the database; whatever does has a thread of
its own.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable

from django.conf import settings

from dashboards.console.configuration import ConsoleSettings
from dashboards.console.history.clip_keeper import ClipKeeper
from dashboards.console.history.writer import HistoryWriter
from dashboards.console.live import current
from dashboards.console.live.kafka_feed import keep_reading
from dashboards.console.live.room import Room
from dashboards.console.notifications.messenger import Messenger
from dashboards.console.outbox.postman import Postman
from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.models import Task
from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink, KafkaSink, keep_polling
from ingest.watched import WATCH
from stream_processors.records import Heartbeat, encode
from stream_processors.topics import HEARTBEATS

_HEARTBEAT_EVERY_S = 2.0
_TICK_S = 1.0
_END_S = 3.0

_log = logging.getLogger(__name__)


class Background:
    """Started and stopped with the server."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._settings: ConsoleSettings = settings.CONSOLE
        self._started_us = _wall_clock_us()
        self._stop = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._threads: list[threading.Thread] = []
        self._sink: KafkaSink = ConfluentSink(kafka, client_id=f"console.{self._settings.name}")
        self._writer = HistoryWriter(kafka, group=self._settings.group)
        self._postman = Postman(
            ConfluentSink(kafka, client_id="console.outbox"), who=self._settings.name
        )
        self._messenger = Messenger()
        self.room = Room(_wall_clock_us)

    async def start(self) -> None:
        current.enter(self.room)
        wait_ms = self._settings.fetch_wait_ms
        self._tasks = [
            asyncio.create_task(keep_reading(self.room, self._kafka, wait_ms=wait_ms)),
            asyncio.create_task(keep_polling(self._sink, every_s=0.02)),
            asyncio.create_task(self._keep_ticking()),
            asyncio.create_task(self._keep_beating()),
        ]
        name = self._settings.name
        for what, run in (
            ("outbox", self._postman.run),
            ("history", self._writer.run),
            ("clips", ClipKeeper(self._kafka, who=name).run),
            ("messages", self._messenger.run),
            ("recordings", Foreman(f"{name}/answers", (Task.CLASSIFY,)).run),
            ("explanations", Foreman(f"{name}/explanations", (Task.EXPLAIN,)).run),
        ):
            self._start_thread(what, run)

    async def stop(self) -> None:
        """End in good order; what is not settled then is done again at the next start."""
        self._stop.set()
        self.room.hub.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for thread in self._threads:
            await asyncio.to_thread(thread.join, _END_S)

    def _start_thread(self, name: str, run: Callable[[threading.Event], None]) -> None:
        thread = threading.Thread(target=self._kept_up, args=(name, run), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _kept_up(self, name: str, run: Callable[[threading.Event], None]) -> None:
        """Run it again after whatever it did not foresee: none of these may be missing."""
        while not self._stop.is_set():
            try:
                run(self._stop)
            except Exception:  # noqa: BLE001 (it is logged, and none of them may stay away)
                _log.exception("%s has failed and begins again", name)
                self._stop.wait(1.0)

    async def _keep_ticking(self) -> None:
        while True:
            self.room.tick()
            WATCH.alive()
            await asyncio.sleep(_TICK_S)

    async def _keep_beating(self) -> None:
        while True:
            WATCH.alive()
            if self._sink.in_flight == 0:  # what Kafka cannot take now need not wait for it
                beat = self._beat()
                if self.room.filled.is_set():
                    WATCH.beat(beat)
                self._sink.produce(
                    HEARTBEATS.name,
                    f"_pipeline/{beat.instance}".encode(),
                    encode(beat),
                    timestamp_ms=beat.at_us // 1000,
                )
            await asyncio.sleep(_HEARTBEAT_EVERY_S)

    def _beat(self) -> Heartbeat:
        return Heartbeat(
            process="console",
            kind="console",
            instance=self._settings.name,
            pid=os.getpid(),
            at_us=_wall_clock_us(),
            started_us=self._started_us,
            partitions=self._writer.partitions(),
            lag=self._writer.lag(),
            counters={
                "pages": float(len(self.room.hub)),
                "beds": float(len(self.room.ward.all())),
                "outbox_waiting": float(self._postman.waiting),
                **self._writer.counters(),
                **self._messenger.counters(),
            },
        )


def _wall_clock_us() -> int:
    return time.time_ns() // 1000
