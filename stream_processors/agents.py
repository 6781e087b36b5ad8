"""What a worker reads and what becomes of it: the pipeline's table of contents.

Sound comes by Faust's agents, which share the partitions with the other workers. Assignments and
models every worker reads whole, to the end before its first chunk.
"""

import logging

import faust
from confluent_kafka import Message
from mode import CrashingSupervisor

from models.errors import ModelError, RecordError
from stream_processors.assignments import AssignmentHistory
from stream_processors.common_agents import fetches_of, follow_assignments, key_of, place_of
from stream_processors.compacted import Follow
from stream_processors.pipeline import Pipeline
from stream_processors.records import ModelChoice, decode
from stream_processors.running_models import RunningModels
from stream_processors.topics import ASSIGNMENTS, AUDIO, AUDIO_HISTORY, MODELS

_log = logging.getLogger(__name__)


def declare(app: faust.App, pipeline: Pipeline) -> None:
    """Declare the agents: the live lane, and what could not be sent in time."""

    @app.agent(fetches_of(app, AUDIO), supervisor_strategy=CrashingSupervisor)
    async def audio(fetches: faust.StreamT) -> None:
        async for fetch in fetches.events():
            at = fetch.message
            await pipeline.take(at.topic, at.partition, at.generation_id, fetch.value)

    @app.agent(fetches_of(app, AUDIO_HISTORY), supervisor_strategy=CrashingSupervisor)
    async def audio_history(fetches: faust.StreamT) -> None:
        async for fetch in fetches.events():
            at = fetch.message
            await pipeline.take(at.topic, at.partition, at.generation_id, fetch.value)


def followers(assignments: AssignmentHistory, models: RunningModels) -> dict[str, Follow]:
    """What follows the topics that every audio worker reads whole."""

    def follow_model(message: Message) -> None:
        try:
            value = message.value()
            models.step(key_of(message), None if value is None else decode(ModelChoice, value))
        except (RecordError, ModelError) as error:
            _log.error("a choice of models is passed over: %s", error, extra=place_of(message))
        else:
            _log.info("models: %s", models)

    return {ASSIGNMENTS.name: follow_assignments(assignments), MODELS.name: follow_model}
