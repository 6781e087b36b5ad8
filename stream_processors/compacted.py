"""Compacted topics that every worker reads whole: to their end at start, then as they grow."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from ingest.connections import KafkaConnection
from models.errors import UserError

Follow = Callable[[Message], None]

_TIMEOUT_S = 30.0
_BEYOND_S = 0.2

_log = logging.getLogger(__name__)


class CompactedTopics:
    """Topics of one partition, each with what follows it; joins no group and commits nothing."""

    def __init__(self, kafka: KafkaConnection, followers: Mapping[str, Follow]) -> None:
        self._followers = followers
        self._address = kafka.address
        self._consumer = Consumer(
            kafka.confluent()
            | {
                "group.id": "heartward-reader",  # the library wants a name
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 200,
            },
            logger=_log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read_to_end(self) -> None:
        """Follow all that is there now.

        Raises
        ------
        UserError
            When Kafka stops answering meanwhile.
        """
        partitions = [TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in self._followers]
        try:
            ends = {at.topic: self._last_offset(at) for at in partitions}
            self._consumer.assign(partitions)
            self._follow_to(ends)
        except KafkaException as error:
            raise UserError(
                f"Kafka {self._address} cannot be read ({error.args[0].str()}): look at its log"
            ) from None

    def follow(self) -> None:
        """Follow what has come since."""
        while (message := self._consumer.poll(0.0)) is not None:
            self._take(message)

    def _last_offset(self, at: TopicPartition) -> int:
        low, high = self._consumer.get_watermark_offsets(at, timeout=_TIMEOUT_S)
        return int(high) - 1 if high > low else -1

    def _follow_to(self, ends: dict[str, int]) -> None:
        """Read until Kafka says that it was the end, or the last offset is there.

        And a moment on: the embedded Kafka says neither, for it counts a last batch as one record.
        """
        unread = {topic for topic, end in ends.items() if end >= 0}
        deadline_s = time.monotonic() + _TIMEOUT_S
        while (message := self._consumer.poll(_BEYOND_S)) is not None or unread:
            if time.monotonic() > deadline_s:
                raise UserError(
                    f"Kafka {self._address} did not give {', '.join(sorted(unread))} to the end "
                    f"within {_TIMEOUT_S:.0f} s: look at its log"
                )
            if message is not None and self._take(message) >= ends[message.topic()]:
                unread.discard(message.topic())

    def _take(self, message: Message) -> int:
        """Follow a record; return how far its topic is read."""
        error = message.error()
        if error is None:
            self._followers[message.topic()](message)
        elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 (its only name)
            _log.warning("%s: %s", message.topic(), error.str())
            return -1
        return int(message.offset())
