"""The audio worker: sound from Kafka to results, as one of a group that shares the devices.

python -m stream_processors.app
"""

import asyncio
import gc
import logging
import sys

from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink, KafkaSink
from ingest.traces import tracing
from ingest.watched import listen
from models import logs
from models.processes import exit_code
from models.registry import Registry
from stream_processors.agents import declare, followers
from stream_processors.assignments import AssignmentHistory
from stream_processors.compacted import CompactedTopics
from stream_processors.driver import FetchApp, Reading
from stream_processors.pipeline import Pipeline
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
from stream_processors.worker import Worker, asked_to_end

_TOPICS = (AUDIO, AUDIO_HISTORY, ASSIGNMENTS, MODELS, RESULTS, HEARTBEATS, DEAD_LETTERS)
_FLUSH_S = 0.5

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
        commit_every_s=settings.commit_every_s,
    )
    declare(app, pipeline)
    return app


def run(settings: WorkerSettings, kafka: KafkaConnection) -> None:
    """Be a worker until SIGTERM or SIGINT, from the main thread.

    Raises
    ------
    UserError
        In one line, when at the start Kafka cannot be used, topics are missing, or a model is
        not what its manifest says.
    """
    logs.configure(f"worker/{settings.name}")
    listen()
    for chatty in ("aiokafka", "faust", "mode", "stream_processors.driver"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # The event loop shares the interpreter with the inference thread: by default it would wait
    # 5 ms for its turn at every step.
    sys.setswitchinterval(0.001)
    sink = ConfluentSink(kafka, client_id=settings.name)
    sink.require([topic.name for topic in _TOPICS])
    models = RunningModels(Registry(settings.models_dir), heart=settings.heart)
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
    pipeline = Pipeline(
        settings, sink=sink, models=models, assignments=assignments, tracing=tracing("worker")
    )
    app = new_app(settings, kafka, pipeline)
    worker = Worker(settings.name, app=app, pipeline=pipeline, tables=tables, sink=sink)
    await worker.serve(until=asked_to_end())


def main() -> int:
    """Run with settings from the environment."""
    return exit_code(lambda: run(load(WorkerSettings), load(KafkaConnection)))


if __name__ == "__main__":
    sys.exit(main())
