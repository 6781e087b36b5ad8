"""Read a topic from its beginning to its present end, and put records on one."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from stream_processors.log_ends import ENDS_ARE_TOLD, read_to_end
from stream_processors.records import AnyRecord, Record, decode, encode
from stream_processors.topics import Topic

_TIMEOUT_S = 20.0


class Entry(NamedTuple):
    """One record as it lies in Kafka."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes


def entries(kafka: KafkaConnection, topic: Topic) -> list[Entry]:
    """Everything on a topic, partition by partition."""
    settings = {"group.id": "test", "enable.auto.commit": False, "fetch.wait.max.ms": 50}
    consumer = Consumer(kafka.confluent() | ENDS_ARE_TOLD | settings)
    try:
        partitions = consumer.list_topics(topic.name, timeout=10).topics[topic.name].partitions
        starts = [TopicPartition(topic.name, number, OFFSET_BEGINNING) for number in partitions]
        found = map(_entry, read_to_end(consumer, starts, patience_s=_TIMEOUT_S))
        return sorted(found, key=lambda entry: entry[:2])
    finally:
        consumer.close()


def records(kafka: KafkaConnection, topic: Topic, kind: type[AnyRecord]) -> list[AnyRecord]:
    return [decode(kind, entry.value) for entry in entries(kafka, topic)]


def publish(kafka: KafkaConnection, topic: Topic, given: Iterable[tuple[str, Record]]) -> None:
    """Put records with their keys on a topic and return once Kafka holds them."""
    sink = ConfluentSink(kafka, client_id="test")
    for key, record in given:
        sink.produce(
            topic.name, key.encode(), encode(record), timestamp_ms=time.time_ns() // 1_000_000
        )
    assert sink.flush(_TIMEOUT_S) == 0
    sink.close()


def _entry(message: Message) -> Entry:
    _, timestamp_ms = message.timestamp()
    return Entry(
        message.partition(), message.offset(), timestamp_ms, message.key(), message.value()
    )
