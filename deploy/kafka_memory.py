"""The embedded Kafka never forgets by itself; this carries what is still needed to an empty one.

What is still needed is known: a result is a function of the log from the committed offset on. So
of every topic that a group reads all from its commit is kept, of compacted topics the last
record of each key, and nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from math import exp, inf
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from models.errors import UserError
from stream_processors.log_ends import ENDS_ARE_TOLD, read_to_end
from stream_processors.topics import ALL

_TIMEOUT_S = 10.0
_SETTLED_S = 30.0
_WASTE = 0.4


class Wear:
    """Whether the embedded Kafka has grown slow.

    It looks through every batch that it holds whenever anybody asks for records, so the share of
    a core that it takes grows with its log, until readers get nothing in time. A constant load on
    an empty one costs what it costs; what is above the least that was ever seen is waste.
    """

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._at_s = 0.0
        self._share = 0.0
        self._least = inf

    @property
    def is_out(self) -> bool:
        """Whether it wastes more of a core than emptying it is worth."""
        return self._share > self._least + _WASTE

    def note(self, now_s: float, share: float | None) -> None:
        """Take in the share of a core since the last call; None when it is not running."""
        if share is None:
            return
        if self._since_s is None:
            self._since_s = self._at_s = now_s
            self._share = share
        weight = 1 - exp((self._at_s - now_s) / _SETTLED_S)
        self._share += weight * (share - self._share)
        self._at_s = now_s
        if now_s - self._since_s > _SETTLED_S:
            self._least = min(self._least, self._share)


class Carried(NamedTuple):
    """One record on its way to the next broker."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, message: Message) -> "Carried":
        return cls(
            message.topic(),
            message.key(),
            message.value(),
            message.timestamp()[1],
            tuple(message.headers() or ()),
        )


def take_along(kafka: KafkaConnection, readers: Mapping[str, Sequence[str]]) -> list[Carried]:
    """Read what the next broker must hold.

    `readers` names the groups that read a topic: what one of them has not finished with is kept.
    Of a topic that nobody reads to its end, but that is named, all is.
    """
    carried: list[Carried] = []
    for topic in ALL:
        if topic.compacted:
            latest = {message.key(): message for message in _read(kafka, topic.name)}
            carried += map(Carried.of, latest.values())
        elif topic.name in readers:
            carried += map(Carried.of, _read(kafka, topic.name, groups=readers[topic.name]))
    return carried


def put_down(carried: list[Carried], kafka: KafkaConnection) -> None:
    """Write them to the new broker; a key finds the partition that it had."""
    sink = ConfluentSink(kafka, client_id="heartward-carry")
    for record in carried:
        sink.produce(
            record.topic,
            record.key,
            record.value,
            headers=record.headers,
            timestamp_ms=record.timestamp_ms,
        )
    unsent = sink.flush(_TIMEOUT_S)
    sink.close()
    if unsent:
        raise UserError(f"the embedded Kafka did not take {unsent} records: look at its log")


def _read(kafka: KafkaConnection, topic: str, *, groups: Sequence[str] = ()) -> Iterator[Message]:
    """All of a topic's records, or those that one of the groups has not finished with."""
    consumer = _consumer(kafka, "heartward-carry")
    try:
        partitions = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
        starts = [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions]
        if groups:
            commits = _commits(kafka, starts, groups)
            starts = [_earliest(of_one) for of_one in zip(*commits, strict=True)]
        yield from read_to_end(consumer, starts, patience_s=_TIMEOUT_S)
    except KafkaException as error:
        why = error.args[0].str()
        raise UserError(f"{topic} of the embedded Kafka cannot be read: {why}") from None
    finally:
        consumer.close()


def _consumer(kafka: KafkaConnection, group: str) -> Consumer:
    settings = {"group.id": group, "enable.auto.commit": False, "fetch.wait.max.ms": 50}
    return Consumer(kafka.confluent() | ENDS_ARE_TOLD | settings)


def _commits(
    kafka: KafkaConnection, partitions: Sequence[TopicPartition], groups: Sequence[str]
) -> Iterator[list[TopicPartition]]:
    """How far each group has finished with each partition."""
    for group in groups:
        with closing(_consumer(kafka, group)) as consumer:
            yield consumer.committed(list(partitions), timeout=_TIMEOUT_S)


def _earliest(commits: Sequence[TopicPartition]) -> TopicPartition:
    """From where on somebody still needs a partition; nobody may have begun with it."""
    offsets = [at.offset for at in commits]
    start = min(offsets) if min(offsets) >= 0 else OFFSET_BEGINNING
    return TopicPartition(commits[0].topic, commits[0].partition, start)
