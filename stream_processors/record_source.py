"""Records of some topics from Kafka in batches, committed only once they are settled."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ingest.connections import KafkaConnection
from ingest.traces import Context, context_in
from stream_processors.topics import Topic

_SESSION_MS = 6000
_LOOK_EVERY_S = 0.05
_CLOSE_S = 1.0

_log = logging.getLogger(__name__)


class Taken(NamedTuple):
    """A record and where it lies; `value` is empty where Kafka holds that there is none."""

    topic: str
    partition: int
    offset: int
    published_us: int
    key: bytes | None
    value: bytes
    trace: Context | None = None


class RecordSource:
    """A member of a consumer group; its offsets move when `settled` says so.

    The library commits settled offsets every second, at a rebalance and at the end. It is asked
    without waiting, so that one thread is enough and can be cancelled anywhere.
    """

    def __init__(
        self, kafka: KafkaConnection, topics: Sequence[Topic], *, group: str, client_id: str
    ) -> None:
        self._settled: dict[tuple[str, int], int] = {}
        self._consumer = Consumer(
            kafka.confluent()
            | {
                "group.id": group,
                "client.id": client_id,
                "session.timeout.ms": _SESSION_MS,
                "auto.offset.reset": "earliest",
                "enable.auto.offset.store": False,
                "auto.commit.interval.ms": 1000,
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16 * 1024,
                "reconnect.backoff.max.ms": 2000,
                "log.connection.close": False,
                "error_cb": _noticed,
            },
            logger=_log,
        )
        self._consumer.subscribe([topic.name for topic in topics])

    async def take(self, most: int, within_s: float) -> list[Taken]:
        """Return `most` records, or fewer once the first has waited for `within_s`."""
        taken: list[Taken] = []
        deadline_s = 0.0
        while True:
            taken += map(_taken, self._consume(most - len(taken)))
            now_s = time.monotonic()
            if taken and not deadline_s:
                deadline_s = now_s + within_s
            if len(taken) == most or (taken and now_s >= deadline_s):
                return taken
            await asyncio.sleep(_LOOK_EVERY_S)

    def settled(self, records: Iterable[Taken]) -> None:
        """Let the group's offsets move past these."""
        ends = {(record.topic, record.partition): record.offset + 1 for record in records}
        for (topic, partition), offset in ends.items():
            self._settled[topic, partition] = offset
            try:
                self._consumer.store_offsets(offsets=[TopicPartition(topic, partition, offset)])
            except KafkaException as error:  # it is another's by now, who takes them again
                _log.info("partition %d of %s: %s", partition, topic, error.args[0].str())

    def partitions(self) -> tuple[str, ...]:
        assigned = sorted((place.topic, place.partition) for place in self._consumer.assignment())
        return tuple(f"{topic}/{partition}" for topic, partition in assigned)

    def lag(self) -> dict[str, int]:
        """Records that are not settled yet, by partition, as far as is known."""
        return {
            f"{place.topic}/{place.partition}": max(0, end - settled)
            for place in self._consumer.assignment()
            if (settled := self._settled.get((place.topic, place.partition))) is not None
            for _, end in [self._consumer.get_watermark_offsets(place, cached=True)]
        }

    def close(self) -> None:
        """Commit and leave the group, in a second; longer it waits for no Kafka that is away."""
        closing = threading.Thread(target=self._consumer.close, daemon=True)
        closing.start()
        closing.join(_CLOSE_S)

    def _consume(self, most: int) -> Iterable[Message]:
        for message in self._consumer.consume(most, 0):
            if message.error() is None:
                yield message
            else:
                _noticed(message.error())


def _taken(message: Message) -> Taken:
    return Taken(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1] * 1000,
        message.key(),
        message.value() or b"",
        context_in(message.headers()),
    )


def _noticed(error: KafkaError) -> None:
    _log.warning("Kafka: %s", error.str())
