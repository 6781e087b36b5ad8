"""The alarm worker: results, actions and heartbeats in, alarms out; one of a group or alone.

python -m stream_processors.alarm_app

It is a process and a consumer group of its own: what happens to sound or database never keeps
an alarm waiting. In its Faust app the same partition of every topic comes to one worker.
"""

import asyncio
import logging
import sys

from confluent_kafka import Message

from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink, KafkaSink
from ingest.watched import listen
from models import logs
from models.errors import RecordError
from models.processes import exit_code
from models.registry import finding_labels
from stream_processors.alarm_inputs import TOPICS
from stream_processors.alarm_pipeline import AlarmPipeline
from stream_processors.alarm_settings import AlarmSettings
from stream_processors.alarm_states import AlarmStates
from stream_processors.alarms.profiles import load_profiles
from stream_processors.assignments import AssignmentHistory
from stream_processors.common_agents import declare_alarms, follow_assignments, place_of
from stream_processors.compacted import CompactedTopics, Follow
from stream_processors.driver import FetchApp, Reading
from stream_processors.records import Heartbeat, decode
from stream_processors.settings import WorkerSettings
from stream_processors.topics import (
    ALARM_STATE,
    ALARMS,
    ASSIGNMENTS,
    DEAD_LETTERS,
    HEARTBEATS,
)
from stream_processors.worker import Worker, asked_to_end

_WRITTEN = (ALARMS, ALARM_STATE, ASSIGNMENTS, HEARTBEATS, DEAD_LETTERS)
_FLUSH_S = 0.5

_log = logging.getLogger(__name__)


def new_app(settings: AlarmSettings, kafka: KafkaConnection, pipeline: AlarmPipeline) -> FetchApp:
    """A Faust app whose agents feed the alarms."""
    app = FetchApp(
        settings.group,
        reading=Reading(
            kafka=kafka,
            client_id=settings.name,
            session_timeout_s=settings.session_timeout_s,
            fetch_every_s=settings.fetch_every_s,
            committable=pipeline.committable,
            next_offset=pipeline.next_offset,
            revoked=pipeline.drop,
            together=True,
        ),
        commit_every_s=settings.commit_every_s,
    )
    declare_alarms(app, TOPICS, pipeline.take)
    return app


def run(settings: AlarmSettings, kafka: KafkaConnection) -> None:
    """Be an alarm worker until SIGTERM or SIGINT, from the main thread.

    Raises
    ------
    UserError
        In one line, when at the start Kafka cannot be used, topics are missing, or the wards'
        limits are nonsense.
    """
    logs.configure(f"alarms/{settings.name}")
    listen()
    for chatty in ("aiokafka", "faust", "mode", "stream_processors.driver"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    labels = finding_labels(load(WorkerSettings).models_dir)
    profiles = load_profiles(settings.limits, labels=labels)
    sink = ConfluentSink(kafka, client_id=settings.name)
    sink.require([topic.name for topic in (*TOPICS, *_WRITTEN)])
    assignments = AssignmentHistory()
    states = AlarmStates(kafka)
    pipeline = AlarmPipeline(
        settings,
        sink=sink,
        load=states.load,
        profiles=profiles,
        assignments=assignments,
        partitions=states.partitions(),
    )
    follow = {
        ASSIGNMENTS.name: follow_assignments(assignments),
        HEARTBEATS.name: _follow_heartbeats(pipeline),
    }
    try:
        with CompactedTopics(kafka, follow) as tables:
            tables.read_to_end()
            _log.info(
                "alarm worker %s of group %s reads from %s: %d assignments",
                settings.name,
                settings.group,
                kafka.address,
                len(assignments),
            )
            asyncio.run(_serve(settings, kafka, sink, tables, pipeline))
    finally:
        sink.flush(_FLUSH_S)
        sink.close()


async def _serve(
    settings: AlarmSettings,
    kafka: KafkaConnection,
    sink: KafkaSink,
    tables: CompactedTopics,
    pipeline: AlarmPipeline,
) -> None:
    app = new_app(settings, kafka, pipeline)
    pipeline.lag = app.lag
    pipeline.generation = lambda: int(app.consumer_generation_id)
    worker = Worker(
        settings.name, app=app, pipeline=pipeline, tables=tables, sink=sink, kind="alarms"
    )
    await worker.serve(until=asked_to_end())


def _follow_heartbeats(pipeline: AlarmPipeline) -> Follow:
    def follow(message: Message) -> None:
        try:
            beat = decode(Heartbeat, message.value() or b"")
        except RecordError as error:
            _log.warning("a heartbeat is passed over: %s", error, extra=place_of(message))
        else:
            pipeline.beats.append((beat, message.timestamp()[1] * 1000))

    return follow


def main() -> int:
    """Run with settings from the environment."""
    return exit_code(lambda: run(load(AlarmSettings), load(KafkaConnection)))


if __name__ == "__main__":
    sys.exit(main())
