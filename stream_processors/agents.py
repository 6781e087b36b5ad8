"""What a worker reads and what becomes of it: the pipeline's table of contents.

Sound comes by Faust's agents, which share the partitions with the other workers. Assignments and
models every worker reads whole, to the end before its first chunk.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

import faust
from confluent_kafka import Message
from mode import CrashingSupervisor

from models.errors import ModelError, RecordError
from stream_processors.arrivals import LogRecord
from stream_processors.assignments import AssignmentHistory
from stream_processors.compacted import Follow
from stream_processors.pipeline import Pipeline
from stream_processors.records import Assignment, ModelChoice, decode
from stream_processors.running_models import RunningModels
from stream_processors.topics import ASSIGNMENTS, AUDIO, AUDIO_HISTORY, MODELS, Topic

Take = Callable[[str, int, int, Sequence[LogRecord]], Awaitable[None]]

_log = logging.getLogger(__name__)


def declare(app: faust.App, pipeline: Pipeline) -> None:
    """Declare the agents: the live lane, and what could not be sent in time."""

    @app.agent(_fetches_of(app, AUDIO), supervisor_strategy=CrashingSupervisor)
    async def audio(fetches: faust.StreamT) -> None:
        async for fetch in fetches.events():
            at = fetch.message
            await pipeline.take(at.topic, at.partition, at.generation_id, fetch.value)

    @app.agent(_fetches_of(app, AUDIO_HISTORY), supervisor_strategy=CrashingSupervisor)
    async def audio_history(fetches: faust.StreamT) -> None:
        async for fetch in fetches.events():
            at = fetch.message
            await pipeline.take(at.topic, at.partition, at.generation_id, fetch.value)


def declare_alarms(app: faust.App, topics: Sequence[Topic], take: Take) -> None:
    """Declare one agent a topic that the alarms read."""
    for topic in topics:

        @app.agent(
            _fetches_of(app, topic),
            name=f"alarms-{topic.name}",
            supervisor_strategy=CrashingSupervisor,
        )
        async def to_alarms(fetches: faust.StreamT) -> None:
            async for fetch in fetches.events():
                at = fetch.message
                await take(at.topic, at.partition, at.generation_id, fetch.value)


def follow_assignments(assignments: AssignmentHistory) -> Follow:
    """What learns every assignment."""

    def follow_assignment(message: Message) -> None:
        try:
            value = message.value()
            assignment = None if value is None else decode(Assignment, value)
        except RecordError as error:
            _log.error("%s at offset %d: %s", ASSIGNMENTS.name, message.offset(), error)
        else:
            assignments.step(_key(message), assignment)

    return follow_assignment


def followers(assignments: AssignmentHistory, models: RunningModels) -> dict[str, Follow]:
    """What follows the topics that every audio worker reads whole."""

    def follow_model(message: Message) -> None:
        try:
            value = message.value()
            models.step(_key(message), None if value is None else decode(ModelChoice, value))
        except (RecordError, ModelError) as error:
            _log.error("%s at offset %d: %s", MODELS.name, message.offset(), error)
        else:
            _log.info("models: %s", models)

    return {ASSIGNMENTS.name: follow_assignments(assignments), MODELS.name: follow_model}


def _fetches_of(app: faust.App, topic: Topic) -> faust.TopicT:
    """Raw bytes by name: `value_type=bytes` alone would still be decoded as JSON."""
    return app.topic(topic.name, key_serializer="raw", value_serializer="raw", acks=False)


def _key(message: Message) -> str:
    return (message.key() or b"").decode("utf-8", "replace")
