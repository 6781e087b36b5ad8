"""The thread that writes what Kafka tells into the database.

Consoles share the work as one consumer group. Offsets move only after the database has what lies
before them, and every row has the record's own identity: a console that dies loses nothing and
doubles nothing.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence

from confluent_kafka import Consumer, Message, TopicPartition
from django.db import DatabaseError, close_old_connections

from dashboards.console.history.batches import Batch, Published, write
from dashboards.console.history.retention import Housekeeping
from ingest.connections import KafkaConnection
from models.errors import RecordError
from models.logs import about
from stream_processors.records import AlarmEvent, Assignment, WindowResult, decode
from stream_processors.topics import ALARMS, ASSIGNMENTS, RESULTS

_TOPICS = (RESULTS, ALARMS, ASSIGNMENTS)
_BATCH = 500
_WITHIN_S = 1.0
_PAUSE_S = 1.0
_SESSION_MS = 6000

_log = logging.getLogger(__name__)


class HistoryWriter:
    """`run` belongs to one thread; the others may ask for counters and partitions."""

    def __init__(self, kafka: KafkaConnection, *, group: str) -> None:
        self._kafka = kafka
        self._group = group
        self._counts: Counter[str] = Counter()
        self._partitions: tuple[str, ...] = ()
        self._lag: dict[str, int] = {}

    def partitions(self) -> tuple[str, ...]:
        return self._partitions

    def lag(self) -> dict[str, int]:
        """Records that are not in the database yet, by partition."""
        return self._lag

    def counters(self) -> dict[str, float]:
        return {name: float(count) for name, count in self._counts.items()}

    def run(self, stop: threading.Event) -> None:
        """Write until told to stop."""
        consumer = Consumer(self._settings(), logger=_log)
        consumer.subscribe(
            [t.name for t in _TOPICS], on_assign=self._assigned, on_revoke=self._revoked
        )
        housekeeping = Housekeeping()
        try:
            while not stop.is_set():
                close_old_connections()
                messages = _sound(consumer.consume(_BATCH, _WITHIN_S))
                if messages and self._settle(messages, stop):
                    consumer.store_offsets(offsets=_after(messages))
                self._lag = _lag(consumer)
                _keep_house(housekeeping)
        finally:
            consumer.close()

    def _settle(self, messages: Sequence[Message], stop: threading.Event) -> bool:
        """Whether the database has it; where that is away, Kafka keeps it."""
        batch = self._read(messages)
        while not stop.is_set():
            try:
                write(batch)
            except DatabaseError as error:
                self._counts["retries"] += 1
                _log.warning("the database does not take a batch: %s", error)
                stop.wait(_PAUSE_S)
                close_old_connections()
            else:
                self._counts["results"] += len(batch.results)
                self._counts["events"] += len(batch.events)
                return True
        return False

    def _read(self, messages: Sequence[Message]) -> Batch:
        batch = Batch([], [], [])
        for message in messages:
            try:
                _sort(message, batch)
            except RecordError as error:
                self._counts["unreadable"] += 1
                where = about(
                    partition=f"{message.topic()}/{message.partition()}", offset=message.offset()
                )
                _log.warning("unreadable: %s", error, extra=where)
        return batch

    # The consumer's own `assignment()` is still empty while it tells of a new one.
    def _assigned(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._partitions = tuple(f"{at.topic}/{at.partition}" for at in partitions)

    def _revoked(self, _consumer: Consumer, _partitions: Sequence[TopicPartition]) -> None:
        self._partitions = ()

    def _settings(self) -> dict[str, object]:
        return self._kafka.confluent() | {
            "group.id": self._group,
            "client.id": "console.history",
            "session.timeout.ms": _SESSION_MS,
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
            "auto.commit.interval.ms": 1000,
            "fetch.wait.max.ms": 500,
            "queued.max.messages.kbytes": 16 * 1024,
            "reconnect.backoff.max.ms": 2000,
            "log.connection.close": False,
        }


def _sort(message: Message, batch: Batch) -> None:
    """Decode a record and put it to its like; None is what a compacted topic forgot."""
    value = message.value()
    if value is None:
        return
    if message.topic() == RESULTS.name:
        at_us = message.timestamp()[1] * 1000
        batch.results.append(Published(decode(WindowResult, value), at_us))
    elif message.topic() == ALARMS.name:
        batch.events.append(decode(AlarmEvent, value))
    else:
        batch.assignments.append(decode(Assignment, value))


def _lag(consumer: Consumer) -> dict[str, int]:
    """As the last answers of Kafka tell it; of partitions that it has told nothing of, nothing."""
    lag = {}
    for at in consumer.position(consumer.assignment()):
        _, end = consumer.get_watermark_offsets(at, cached=True)
        if at.offset >= 0 and end >= 0:
            lag[f"{at.topic}/{at.partition}"] = max(0, end - at.offset)
    return lag


def _sound(messages: Sequence[Message]) -> list[Message]:
    for message in messages:
        if message.error():
            _log.warning("%s", message.error())
    return [message for message in messages if not message.error()]


def _after(messages: Sequence[Message]) -> list[TopicPartition]:
    """The offset after the last of each partition."""
    last: dict[tuple[str, int], int] = {}
    for message in messages:
        at = (message.topic(), message.partition())
        last[at] = max(last.get(at, 0), message.offset() + 1)
    return [TopicPartition(topic, partition, at) for (topic, partition), at in last.items()]


def _keep_house(housekeeping: Housekeeping) -> None:
    """What cannot be erased now is erased the next time; the history is written on."""
    try:
        housekeeping.step(time.time())
    except DatabaseError as error:
        _log.warning("the database does not erase what is old: %s", error)
