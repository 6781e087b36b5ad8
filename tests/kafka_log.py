"""Read a topic from its beginning to its present end, and put records on one."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from stream_processors.records import AnyRecord, Record, decode, encode
from stream_processors.topics import Topic

_TIMEOUT_S = 20.0
_BEYOND_S = 0.2


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
    consumer = Consumer(kafka.confluent() | settings)
    try:
        partitions = consumer.list_topics(topic.name, timeout=10).topics[topic.name].partitions
        places = [TopicPartition(topic.name, number, OFFSET_BEGINNING) for number in partitions]
        spans = {p.partition: consumer.get_watermark_offsets(p, timeout=10) for p in places}
        consumer.assign(places)
        return _up_to(consumer, topic, spans)
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


def _up_to(consumer: Consumer, topic: Topic, spans: dict[int, tuple[int, int]]) -> list[Entry]:
    """Read to the end and a moment on: the embedded Kafka counts the last batch as one record."""
    found: list[Entry] = []
    missing = {number for number, (first, end) in spans.items() if end > first}
    deadline_s = time.monotonic() + (_TIMEOUT_S if missing else _BEYOND_S)
    while time.monotonic() < deadline_s:
        for message in consumer.consume(1000, _BEYOND_S):
            assert message.error() is None, message.error()
            _, timestamp_ms = message.timestamp()
            number, offset = message.partition(), message.offset()
            found.append(Entry(number, offset, timestamp_ms, message.key(), message.value()))
            if number in missing and offset >= spans[number][1] - 1:
                missing.discard(number)
                if not missing:
                    deadline_s = time.monotonic() + _BEYOND_S
    assert not missing, f"{topic.name}: partitions {missing} do not end"
    return sorted(found, key=lambda entry: entry[:2])
