"""What an emptied embedded Kafka must still hold is carried to the new one, and nothing else."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.kafka_memory import put_down, take_along
from ingest.connections import KafkaConnection, load
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import ASSIGNMENTS, AUDIO, DEAD_LETTERS, RESULTS
from tests.servers import EmbeddedKafka

_GROUP = "reader-of-audio"
_RECORDS = 40
_KEYS = [f"wearable-{number}".encode() for number in range(8)]


@pytest.fixture
def broker(tmp_path: Path) -> EmbeddedKafka:
    return EmbeddedKafka(tmp_path)


def _fill(kafka: KafkaConnection) -> None:
    producer = Producer(kafka.confluent() | {"partitioner": "murmur2_random"})
    for number in range(_RECORDS):
        value, key = str(number).encode(), _KEYS[number % len(_KEYS)]
        headers = [("received_at_us", value)]
        producer.produce(AUDIO.name, value, key=key, timestamp=1000 + number, headers=headers)
        for topic in (RESULTS, DEAD_LETTERS):
            producer.produce(topic.name, value, key=key)
        producer.produce(ASSIGNMENTS.name, value, key=b"bed-1")
    assert producer.flush(10) == 0


def _read(kafka: KafkaConnection, topic: str, *, group: str = "anybody") -> list[tuple[int, bytes]]:
    consumer = Consumer(kafka.confluent() | {"group.id": group, "auto.offset.reset": "earliest"})
    partitions = consumer.list_topics(topic, timeout=5).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    messages = consumer.consume(10 * _RECORDS, 1.5)
    consumer.close()
    return [(message.partition(), message.value()) for message in messages]


def _commit(kafka: KafkaConnection, offsets: dict[int, int]) -> None:
    consumer = Consumer(kafka.confluent() | {"group.id": _GROUP, "enable.auto.commit": False})
    ends = [TopicPartition(AUDIO.name, partition, end) for partition, end in offsets.items()]
    consumer.commit(offsets=ends, asynchronous=False)
    consumer.close()


def test_the_new_broker_holds_what_was_not_done_with_and_the_latest_of_each_key(
    broker: EmbeddedKafka,
) -> None:
    kafka = load(KafkaConnection, {"servers": broker.address})
    broker.start()
    try:
        apply_topics(kafka)
        _fill(kafka)
        before = _read(kafka, AUDIO.name)
        done = {partition: 3 for partition, _ in before}
        _commit(kafka, done)
        carried = take_along(kafka, {AUDIO.name: (_GROUP,)})
        broker.kill()
        broker.start()
        apply_topics(kafka)
        put_down(carried, kafka)
        after = _read(kafka, AUDIO.name)
        assert _read(kafka, ASSIGNMENTS.name) == [(0, str(_RECORDS - 1).encode())]
        assert _read(kafka, RESULTS.name) == []
        assert _read(kafka, DEAD_LETTERS.name) == []
    finally:
        broker.kill()
    not_done = [
        read for partition in done for read in [read for read in before if read[0] == partition][3:]
    ]
    assert sorted(after) == sorted(not_done)
    audio = [record for record in carried if record.topic == AUDIO.name]
    assert {(record.timestamp_ms, record.headers) for record in audio} == {
        (1000 + int(record.value or b""), (("received_at_us", record.value),)) for record in audio
    }


def test_a_group_that_never_committed_gets_everything(broker: EmbeddedKafka) -> None:
    kafka = load(KafkaConnection, {"servers": broker.address})
    broker.start()
    try:
        apply_topics(kafka)
        _fill(kafka)
        carried = take_along(kafka, {RESULTS.name: ("nobody",)})
    finally:
        broker.kill()
    assert sum(record.topic == RESULTS.name for record in carried) == _RECORDS


def test_what_one_of_two_groups_has_not_finished_with_is_kept(broker: EmbeddedKafka) -> None:
    kafka = load(KafkaConnection, {"servers": broker.address})
    broker.start()
    try:
        apply_topics(kafka)
        _fill(kafka)
        before = _read(kafka, AUDIO.name)
        _commit(kafka, {partition: 3 for partition, _ in before})
        carried = take_along(kafka, {AUDIO.name: (_GROUP, "behind")})
        all_of_it = take_along(kafka, {AUDIO.name: ()})
    finally:
        broker.kill()
    for records in (carried, all_of_it):
        assert sum(record.topic == AUDIO.name for record in records) == len(before)
