"""What the agents and tables of every worker have in common; it loads no model."""

import logging
from collections.abc import Awaitable, Callable, Sequence

import faust
from confluent_kafka import Message
from mode import CrashingSupervisor

from models.errors import RecordError
from models.logs import about
from stream_processors.arrivals import LogRecord
from stream_processors.assignments import AssignmentHistory
from stream_processors.compacted import Follow
from stream_processors.records import Assignment, decode
from stream_processors.topics import Topic

Take = Callable[[str, int, int, Sequence[LogRecord]], Awaitable[None]]

_log = logging.getLogger(__name__)


def declare_alarms(app: faust.App, topics: Sequence[Topic], take: Take) -> None:
    """Declare one agent a topic that the alarms read."""
    for topic in topics:

        @app.agent(
            fetches_of(app, topic),
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
            _log.error("an assignment is passed over: %s", error, extra=place_of(message))
        else:
            assignments.step(key_of(message), assignment)

    return follow_assignment


def fetches_of(app: faust.App, topic: Topic) -> faust.TopicT:
    """Raw bytes by name: `value_type=bytes` alone would still be decoded as JSON."""
    return app.topic(topic.name, key_serializer="raw", value_serializer="raw", acks=False)


def place_of(message: Message) -> dict[str, str | int]:
    """Where a record lies, for a line of the log about it."""
    return about(partition=f"{message.topic()}/{message.partition()}", offset=message.offset())


def key_of(message: Message) -> str:
    """A record's key as text."""
    return (message.key() or b"").decode("utf-8", "replace")
