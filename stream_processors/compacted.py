"""Compacted topics that every worker reads whole: to their end at start, then as they grow."""

import logging
from collections.abc import Callable, Mapping
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from ingest.connections import KafkaConnection
from models.errors import UserError
from stream_processors.log_ends import ENDS_ARE_TOLD, at_end, read_to_end

Follow = Callable[[Message], None]

_PATIENCE_S = 30.0

_log = logging.getLogger(__name__)


class CompactedTopics:
    """Topics of one partition, each with what follows it; joins no group and commits nothing."""

    def __init__(self, kafka: KafkaConnection, followers: Mapping[str, Follow]) -> None:
        self._followers = followers
        self._address = kafka.address
        self._consumer = Consumer(
            kafka.confluent()
            | ENDS_ARE_TOLD
            | {
                "group.id": "heartward-reader",  # the library wants a name
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # An Apache Kafka answers at once where there is news; the embedded one after a
                # quarter to a half of this, and to be asked again costs it the same each time.
                "fetch.wait.max.ms": 600,
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
        starts = [TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in self._followers]
        try:
            for message in read_to_end(self._consumer, starts, patience_s=_PATIENCE_S):
                self._take(message)
        except KafkaException as error:
            raise UserError(
                f"Kafka {self._address} cannot be read ({error.args[0].str()}): look at its log"
            ) from None

    def follow(self) -> None:
        """Follow what has come since."""
        while (message := self._consumer.poll(0.0)) is not None:
            error = message.error()
            if error is None:
                self._take(message)
            elif not at_end(error):
                _log.warning("%s: %s", message.topic(), error.str())

    def _take(self, message: Message) -> None:
        self._followers[message.topic()](message)
