"""Ends and lags on both brokers, of which the embedded one does not know its end when asked."""

import time
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition as At
from confluent_kafka import Consumer, TopicPartition

from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink
from stream_processors.driver import _PacedConsumer
from stream_processors.log_ends import ENDS_ARE_TOLD, read_by_time
from stream_processors.records import Heartbeat
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import AUDIO, HEARTBEATS
from tests import kafka_log
from tests.servers import ApacheKafka, EmbeddedKafka, Server

RECORDS = 700


@pytest.fixture(params=[EmbeddedKafka, ApacheKafka], scope="module")
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaConnection]:
    """Holds one partition with records in several batches."""
    server: Server = request.param(tmp_path_factory.mktemp("kafka")).start()
    connection = load(KafkaConnection, {"servers": server.address})
    apply_topics(connection)
    for first in range(0, RECORDS, RECORDS // 4):
        numbers = range(first, first + RECORDS // 4)
        kafka_log.publish(connection, HEARTBEATS, (("_pipeline/a", _beat(n)) for n in numbers))
    yield connection
    server.kill()


def _beat(number: int) -> Heartbeat:
    return Heartbeat(
        process="x" * 500, kind="audio", instance="a", pid=1, at_us=number, started_us=0
    )


def test_a_reader_to_the_end_gets_all_of_it(kafka: KafkaConnection) -> None:
    found = kafka_log.records(kafka, HEARTBEATS, Heartbeat)
    assert [beat.at_us for beat in found] == list(range(RECORDS))


def test_the_first_records_come_with_the_true_end(kafka: KafkaConnection) -> None:
    settings = {"group.id": "test", "fetch.max.bytes": 1000, "message.max.bytes": 1000}
    consumer = Consumer(kafka.confluent() | settings)
    at = TopicPartition(HEARTBEATS.name, 0, 0)
    consumer.assign([at])
    assert consumer.poll(10) is not None
    assert consumer.get_watermark_offsets(at, cached=True)[1] == RECORDS
    consumer.close()


def test_partitions_are_merged_whole_though_each_is_paused_again_and_again(
    kafka: KafkaConnection,
) -> None:
    """Nothing may be lost or doubled where a partition is taken up again."""
    sink = ConfluentSink(kafka, client_id="test")
    began_ms = time.time_ns() // 1_000_000 - 600_000
    for number in range(10 * RECORDS):
        key, at_ms = f"bed-{number % 7}".encode(), began_ms + number
        sink.produce(AUDIO.name, key, bytes(400), timestamp_ms=at_ms)
    assert sink.flush(60) == 0
    sink.close()
    consumer = Consumer(kafka.confluent() | ENDS_ARE_TOLD | {"group.id": "test"})
    partitions = consumer.list_topics(AUDIO.name, timeout=10).topics[AUDIO.name].partitions
    starts = [TopicPartition(AUDIO.name, partition, 0) for partition in partitions]
    read = read_by_time(consumer, starts, patience_s=20, ahead=20)
    places = [(message.partition(), message.offset(), message.timestamp()[1]) for message in read]
    consumer.close()
    assert len(places) == 10 * RECORDS
    assert [at_ms - began_ms for _, _, at_ms in places] == list(range(10 * RECORDS))
    for partition in partitions:
        offsets = [offset for of, offset, _ in places if of == partition]
        assert offsets == list(range(len(offsets)))


async def test_a_worker_is_told_the_true_end_and_how_far_it_has_read(
    kafka: KafkaConnection,
) -> None:
    consumer = _PacedConsumer(
        **kafka.python_clients(),
        fetch_every_s=0.02,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=10,
    )
    at = At(HEARTBEATS.name, 0)
    assert consumer.told(at) is None
    await consumer.start()
    consumer.assign([at])
    assert consumer.told(at) is None
    read = 0
    deadline_s = time.monotonic() + 10
    while read < RECORDS and time.monotonic() < deadline_s:
        read += sum(map(len, (await consumer.getmany(timeout_ms=500)).values()))
        if read:
            assert consumer.told(at) == (RECORDS, read)
    assert read == RECORDS
    await consumer.stop()
