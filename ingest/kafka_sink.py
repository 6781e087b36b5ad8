"""Records into Kafka, each until it is stored or refused for good.

Rules of threads: one thread owns a sink. `produce` never blocks, and every callback runs inside
`poll` or `flush`, in the thread that called it, and nowhere else. An asyncio program polls from a
task of its event loop (`keep_polling`), so its callbacks run in the loop and may set futures.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from ingest.connections import KafkaConnection
from ingest.kafka_contact import FirstContact, new_from
from models.errors import UserError

Header = tuple[str, bytes]
OnDelivery = Callable[[str | None], None]
"""Called once per record: with None when Kafka has stored it, else with the reason why Kafka
never will."""

MAX_RECORD_BYTES = 1024 * 1024

_RETRY_S = 0.5
_STUCK_AFTER_S = 15.0
_REFUSED_FOR_GOOD = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
    }
)

_log = logging.getLogger(__name__)


class KafkaSink(Protocol):
    """Takes records and says when each is stored."""

    @property
    def in_flight(self) -> int:
        """Records whose fate is not known yet."""

    @property
    def errors(self) -> int:
        """Errors of Kafka so far, mended or not."""

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Sequence[Header] = (),
        timestamp_ms: int,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Hand over a record; never blocks, never raises for what Kafka may think of it."""

    def poll(self, timeout_s: float = 0.0) -> None:
        """Run the callbacks that are due, waiting at most `timeout_s` for the first."""

    def flush(self, timeout_s: float) -> int:
        """Wait until everything is stored or refused; return how much is not after that time."""


class _Record(msgspec.Struct, gc=False):
    """What is needed to produce a record once more."""

    number: int
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    timestamp_ms: int
    on_delivery: OnDelivery | None
    alone: bool = False


class ConfluentSink:
    """An idempotent producer that waits for all replicas and never gives a record up.

    Partitions are those of Java's clients (murmur2). librdkafka retries by itself, in order and
    for ever. What it hands back all the same (an unknown topic, say) is produced anew here, in
    order: once a record waits for that, all later ones wait behind it. A producer that reports a
    fatal error, or nothing at all though Kafka is well, is replaced.

    Kafka judges batches, so a record that was refused may have been in bad company. It is tried
    once more alone before it is refused for good.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        client_id: str,
        linger_ms: float = 5.0,
        new_producer: Callable[[dict[str, Any]], Any] = Producer,
    ) -> None:
        self.errors = 0
        self._address = connection.address
        self._contact = FirstContact(connection, _log)
        self._new_producer = partial(
            new_from,
            connection,
            {
                "client.id": client_id,
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.timeout.ms": 0,
                "message.max.bytes": MAX_RECORD_BYTES,
                "linger.ms": linger_ms,
                "reconnect.backoff.max.ms": 2000,
                "error_cb": self._noticed,
            },
            self._contact,
            new_producer,
        )
        self._producer = self._new_producer()
        self._broken = False
        self._number = 0
        self._produced = 0  # handed to the producer, no report yet
        self._alone = False  # one of these is tried alone
        self._waiting: deque[_Record] = deque()
        self._retry_at_s = 0.0
        self._heard = True  # of some record's fate since the last poll
        self._patient_until_s = 0.0

    @property
    def in_flight(self) -> int:
        """Records whose fate is not known yet."""
        return self._produced + len(self._waiting)

    def require(self, topics: Sequence[str], *, timeout_s: float = 5.0) -> None:
        """Make sure at start that Kafka is there and has the topics.

        Raises
        ------
        UserError
            In one line: who does not answer or does not want us, or which topics are missing,
            and what to do.
        """
        known = self._contact.wait(self._producer, timeout_s).topics
        missing = sorted(set(topics) - set(known))
        if missing:
            raise UserError(
                f"Kafka {self._address} lacks the topics {', '.join(missing)}: "
                "create them with `heartward topics apply`"
            )

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Sequence[Header] = (),
        timestamp_ms: int,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Hand over a record; never blocks, never raises for what Kafka may think of it."""
        self._number += 1
        record = _Record(self._number, topic, key, value, headers, timestamp_ms, on_delivery)
        if self._waiting or self._alone or self._broken:
            self._waiting.append(record)
        else:
            self._hand_over(record)

    def poll(self, timeout_s: float = 0.0) -> None:
        """Run the callbacks that are due, waiting at most `timeout_s` for the first."""
        self._producer.poll(timeout_s)
        now_s = time.monotonic()
        if self._broken or self._is_stuck(now_s):
            self._replace_producer()
        if self._waiting and now_s >= self._retry_at_s:
            self._produce_waiting()

    def flush(self, timeout_s: float) -> int:
        """Wait until everything is stored or refused; return how much is not after that time."""
        deadline_s = time.monotonic() + timeout_s
        while self.in_flight and (left_s := deadline_s - time.monotonic()) > 0:
            self.poll(min(left_s, 0.1))
        return self.in_flight

    def close(self) -> None:
        """End at once; records in flight may or may not be stored, and nobody is told."""
        self._waiting.clear()
        self._producer.purge()
        self._producer.flush(0)

    def _hand_over(self, record: _Record) -> None:
        try:
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                headers=list(record.headers),
                timestamp=record.timestamp_ms,
                on_delivery=partial(self._reported, record),
            )
        except BufferError:
            self._wait(record)
        except KafkaException as error:
            self._failed(record, error.args[0])
        else:
            self._produced += 1
            self._alone = record.alone

    def _reported(self, record: _Record, error: KafkaError | None, _message: object) -> None:
        self._produced -= 1
        self._alone = False
        self._heard = True
        if error is not None:
            self._failed(record, error)
        elif record.on_delivery is not None:
            record.on_delivery(None)

    def _failed(self, record: _Record, error: KafkaError) -> None:
        self.errors += 1
        self._broken = self._broken or error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001
        if error.code() not in _REFUSED_FOR_GOOD or self._broken:
            _log.warning("Kafka %s did not take a record: %s", self._address, error.str())
            self._wait(record)
        elif not record.alone:
            record.alone = True
            self._wait(record)
        else:
            _log.error("Kafka %s refuses a record: %s", self._address, error.str())
            if record.on_delivery is not None:
                record.on_delivery(error.str())

    def _wait(self, record: _Record) -> None:
        self._waiting.append(record)
        self._retry_at_s = time.monotonic() + _RETRY_S

    def _produce_waiting(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        while waiting and not self._waiting:
            if self._alone or (waiting[0].alone and self._produced):
                break
            self._hand_over(waiting.popleft())
        self._waiting.extend(waiting)

    def _is_stuck(self, now_s: float) -> bool:
        """Whether Kafka is well and yet says nothing of what is in flight.

        librdkafka retries for ever with a producer id that a broker has forgotten which lost its
        memory, as the embedded one does with its process.
        """
        if self._heard or not self._produced:
            self._heard = False
            self._patient_until_s = now_s + _STUCK_AFTER_S
        if now_s < self._patient_until_s:
            return False
        self._patient_until_s = now_s + _STUCK_AFTER_S
        try:
            topics = self._producer.list_topics(timeout=1.0).topics.values()
        except KafkaException:
            return False
        return all(part.leader >= 0 for topic in topics for part in topic.partitions.values())

    def _replace_producer(self) -> None:
        """Give up a producer that can do nothing more, and hand all it held to a new one."""
        _log.error("Kafka %s: the producer does nothing more and is replaced", self._address)
        self._producer.purge()
        while self._produced:
            self._producer.poll(0.1)
        self._waiting = deque(sorted(self._waiting, key=attrgetter("number")))
        self._producer = self._new_producer()
        self._broken = False

    def _noticed(self, error: KafkaError) -> None:
        """Count an error; librdkafka has logged it."""
        self.errors += 1
        self._contact.noticed(error)
        self._broken = self._broken or error.fatal()


class StoredRecord(NamedTuple):
    """What a `MemorySink` holds."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    timestamp_ms: int


class MemorySink:
    """Kafka's in-memory twin for tests: stores at the next poll, unless it is told to be away."""

    def __init__(self) -> None:
        self.errors = 0
        self.stored: list[StoredRecord] = []
        self.away = False
        self.refuse: Callable[[StoredRecord], str | None] = lambda _record: None
        self._in_flight: deque[tuple[StoredRecord, OnDelivery | None]] = deque()

    @property
    def in_flight(self) -> int:
        """Records whose fate is not known yet."""
        return len(self._in_flight)

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Sequence[Header] = (),
        timestamp_ms: int,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Hand over a record."""
        record = StoredRecord(topic, key, value, headers, timestamp_ms)
        self._in_flight.append((record, on_delivery))

    def poll(self, timeout_s: float = 0.0) -> None:  # noqa: ARG002 (there is nothing to wait for)
        """Store or refuse everything handed over, unless away."""
        while self._in_flight and not self.away:
            record, on_delivery = self._in_flight.popleft()
            refusal = self.refuse(record)
            if refusal is None:
                self.stored.append(record)
            if on_delivery is not None:
                on_delivery(refusal)

    def flush(self, timeout_s: float) -> int:
        """Poll until nothing is left to store."""
        self.poll(timeout_s)
        return self.in_flight


async def keep_polling(sink: KafkaSink, *, every_s: float = 0.005) -> None:
    """Run a sink's callbacks in the event loop until cancelled."""
    while True:
        sink.poll()
        await asyncio.sleep(every_s)
