"""Compacted topics that every worker reads whole: to their end at start, then as they grow."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from ingest.connections import KafkaConnection
from models.errors import UserError

Follow = Callable[[Message], None]

_READ_WITHIN_S = 60.0

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
        unread = set(self._followers)
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in unread])
        deadline_s = time.monotonic() + _READ_WITHIN_S
        while unread:
            unread -= self.follow(timeout_s=0.2)
            if time.monotonic() > deadline_s:
                raise UserError(
                    f"Kafka {self._address} did not give {', '.join(sorted(unread))} to the end "
                    f"within {_READ_WITHIN_S:.0f} s: look at its log"
                )

    def follow(self, timeout_s: float = 0.0) -> set[str]:
        """Follow what has come; return the topics whose end was reached."""
        ended = set()
        # Not consume(): even without a timeout it holds the event loop up for milliseconds.
        while (message := self._consumer.poll(timeout_s)) is not None:
            error = message.error()
            if error is None:
                self._followers[message.topic()](message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (its only name)
                ended.add(message.topic())
            else:
                _log.warning("%s: %s", message.topic(), error.str())
        return ended
