"""What the live table reads from Kafka; it joins no group and commits nothing."""

import logging
from collections.abc import Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaException,
    Message,
    TopicPartition,
)

from ingest.connections import KafkaConnection
from models.errors import RecordError, UserError
from stream_processors.records import (
    AlarmEvent,
    DeadLetter,
    DeviceStats,
    Heartbeat,
    Record,
    WindowResult,
    decode,
)
from stream_processors.topics import ALARMS, DEAD_LETTERS, DEVICE_STATS, HEARTBEATS, RESULTS

log = logging.getLogger(__name__)

_KINDS: dict[str, type[Record]] = {
    RESULTS.name: WindowResult,
    HEARTBEATS.name: Heartbeat,
    DEVICE_STATS.name: DeviceStats,
    DEAD_LETTERS.name: DeadLetter,
    ALARMS.name: AlarmEvent,
}
_MAX_BATCH = 2000
_METADATA_TIMEOUT_S = 5.0


class Feed:
    """Records of the live topics, from their beginning or from now on.

    Raises
    ------
    UserError
        When Kafka does not answer or lacks one of them.
    """

    def __init__(self, kafka: KafkaConnection, *, from_beginning: bool) -> None:
        self._address = kafka.address
        settings = kafka.confluent() | {
            "group.id": "heartward-terminal",  # the library wants a name; nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 16 * 1024,
        }
        self._consumer = Consumer(settings, logger=log)
        # An embedded Kafka that is another's begins with its last batch instead, which is no harm.
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        self._consumer.assign([TopicPartition(*at, start) for at in self._partitions()])

    def poll(self, timeout_s: float) -> Iterator[tuple[Record, int]]:
        """What has come, each with its Kafka timestamp in microseconds."""
        for message in self._consumer.consume(_MAX_BATCH, timeout_s):
            record = _record(message)
            if record is not None:
                yield record, message.timestamp()[1] * 1000

    def close(self) -> None:
        self._consumer.close()

    def _partitions(self) -> Iterator[tuple[str, int]]:
        try:
            topics = self._consumer.list_topics(timeout=_METADATA_TIMEOUT_S).topics
        except KafkaException as error:
            raise UserError(
                f"Kafka {self._address} does not say what it holds ({error.args[0].str()}): "
                "look at its log"
            ) from None
        missing = [name for name in _KINDS if name not in topics]
        if missing:
            raise UserError(
                f"Kafka {self._address} lacks the topics {', '.join(missing)}: create them with "
                "`heartward topics apply`"
            )
        for name in _KINDS:
            yield from ((name, partition) for partition in topics[name].partitions)


def _record(message: Message) -> Record | None:
    if message.error():
        log.warning("%s", message.error())
        return None
    try:
        return decode(_KINDS[message.topic()], message.value())
    except RecordError as error:
        log.warning("%s at %d: %s", message.topic(), message.offset(), error)
        return None
