"""Ends and lags on both brokers, of which the embedded one does not know its end when asked."""

import time
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition as At
from confluent_kafka import Consumer, TopicPartition

from ingest.connections import KafkaConnection, load
from stream_processors.driver import _PacedConsumer
from stream_processors.records import Heartbeat
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import HEARTBEATS
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
