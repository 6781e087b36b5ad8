"""The audio worker: sound from Kafka to results, as one of a group that shares the devices.

python -m stream_processors.app
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable
from typing import Literal, Protocol

from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink, KafkaSink, keep_polling
from models import logs
from models.errors import HeartwardError, UserError
from models.registry import Registry
from stream_processors.agents import declare, followers
from stream_processors.assignments import AssignmentHistory
from stream_processors.compacted import CompactedTopics
from stream_processors.driver import FetchApp, Reading
from stream_processors.pipeline import Pipeline
from stream_processors.records import Heartbeat, encode
from stream_processors.running_models import RunningModels
from stream_processors.settings import WorkerSettings
from stream_processors.topics import (
    ASSIGNMENTS,
    AUDIO,
    AUDIO_HISTORY,
    DEAD_LETTERS,
    HEARTBEATS,
    MODELS,
    RESULTS,
)

_TOPICS = (AUDIO, AUDIO_HISTORY, ASSIGNMENTS, MODELS, RESULTS, HEARTBEATS, DEAD_LETTERS)
_HEARTBEAT_EVERY_S = 2.0
_FOLLOW_EVERY_S = 0.2
_POLL_EVERY_S = 0.02  # only commits wait for it: librdkafka sends by itself
_STOP_WITHIN_S = 2.5
_FLUSH_S = 0.5
_FETCHES_BUFFERED = 8

_log = logging.getLogger(__name__)


def new_app(settings: WorkerSettings, kafka: KafkaConnection, pipeline: Pipeline) -> FetchApp:
    """A Faust app whose agents feed the pipeline."""
    app = FetchApp(
        settings.group,
        reading=Reading(
            kafka=kafka,
            client_id=settings.name,
            session_timeout_s=settings.session_timeout_s,
            fetch_every_s=settings.fetch_every_s,
            committable=pipeline.partitions.committable,
            next_offset=pipeline.partitions.next_offset,
            revoked=pipeline.drop,
        ),
        broker=[f"kafka://{server}" for server in kafka.servers.split(",")],
        broker_commit_interval=settings.commit_every_s,
        stream_buffer_maxsize=_FETCHES_BUFFERED,
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    declare(app, pipeline)
    return app


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
        self._sink.produce(
            HEARTBEATS.name,
            f"_pipeline/{self._name}".encode(),
            encode(beat),
            timestamp_ms=now_us // 1000,
            on_delivery=self._beat_delivered,
        )

    def _beat_delivered(self, _refusal: str | None) -> None:
        self._beat_in_flight = False


def run(settings: WorkerSettings, kafka: KafkaConnection) -> None:
    """Be a worker until SIGTERM or SIGINT, from the main thread.

    Raises
    ------
    UserError
        In one line, when at the start Kafka cannot be used, topics are missing, or a model is
        not what its manifest says.
    """
    logs.configure(f"worker/{settings.name}")
    for chatty in ("aiokafka", "faust", "mode", "stream_processors.driver"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # The event loop shares the interpreter with the inference thread: by default it would wait
    # 5 ms for its turn at every step.
    sys.setswitchinterval(0.001)
    sink = ConfluentSink(kafka, client_id=settings.name)
    sink.require([topic.name for topic in _TOPICS])
    models = RunningModels(Registry(settings.models_dir))
    assignments = AssignmentHistory()
    try:
        with CompactedTopics(kafka, followers(assignments, models)) as tables:
            tables.read_to_end()
            _log.info(
                "worker %s of group %s reads from %s: %d assignments, %s",
                settings.name,
                settings.group,
                kafka.address,
                len(assignments),
                models,
            )
            gc.freeze()  # what was loaded until here stays: no need to look through it again
            asyncio.run(_serve(settings, kafka, sink, tables, (models, assignments)))
    finally:
        sink.flush(_FLUSH_S)
        sink.close()


async def _serve(
    settings: WorkerSettings,
    kafka: KafkaConnection,
    sink: KafkaSink,
    tables: CompactedTopics,
    joined: tuple[RunningModels, AssignmentHistory],
) -> None:
    models, assignments = joined
    pipeline = Pipeline(settings, sink=sink, models=models, assignments=assignments)
    app = new_app(settings, kafka, pipeline)
    worker = Worker(settings.name, app=app, pipeline=pipeline, tables=tables, sink=sink)
    await worker.serve(until=asked_to_end())


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


def main() -> int:
    """Run with settings from the environment."""
    try:
        run(load(WorkerSettings), load(KafkaConnection))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _wall_clock_us() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    sys.exit(main())
