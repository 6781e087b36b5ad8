"""The one Kafka reader of the live ward: asyncio, in no group, from now on.

What is compacted is read from its beginning, so a console that has just started knows assignments,
statuses and open alarms at once; of the rest only what comes is of interest.
"""

import asyncio
import logging
import time

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from dashboards.console.live.room import Room
from ingest.connections import KafkaConnection
from ingest.traces import Step, Tracing, context_in, tracing
from models.errors import ChunkError, RecordError
from models.logs import about
from stream_processors.topics import ALARM_STATE, ASSIGNMENTS, HEARTBEATS, RESULTS, STATUS

TOPICS = (ASSIGNMENTS, STATUS, ALARM_STATE, RESULTS, HEARTBEATS)
_METADATA_S = 10.0
_PAUSE_S = 1.0
_MOST_RECORDS = 2000

_log = logging.getLogger(__name__)


async def keep_reading(room: Room, kafka: KafkaConnection, *, wait_ms: int) -> None:
    """Read until cancelled; where Kafka is away, wait for it."""
    told = tracing("console")
    while True:
        try:
            await _read(room, kafka, told, wait_ms=wait_ms)
        except (KafkaError, KafkaException, OSError) as error:
            _log.warning("Kafka %s cannot be read: %s", kafka.address, error)
        await asyncio.sleep(_PAUSE_S)


async def _read(room: Room, kafka: KafkaConnection, told: Tracing | None, *, wait_ms: int) -> None:
    partitions = await asyncio.to_thread(_partitions, kafka)
    consumer = AIOKafkaConsumer(
        **kafka.python_clients(),
        client_id="heartward-console-live",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=wait_ms,
        fetch_max_bytes=16 * 1024 * 1024,
    )
    await consumer.start()
    try:
        consumer.assign([at for of_topic in partitions.values() for at in of_topic])
        for topic in TOPICS:
            begin = consumer.seek_to_beginning if topic.compacted else consumer.seek_to_end
            await begin(*partitions[topic.name])
        unread = await _unread(consumer, partitions)
        while True:
            batches = await consumer.getmany(timeout_ms=wait_ms, max_records=_MOST_RECORDS)
            if batches:
                room.ward.heard_from_kafka(time.time_ns() // 1000)
            for records in batches.values():
                _take(room, records)
                if told is not None:
                    _trace(told, records)
            if not room.filled.is_set():
                unread = {at: end for at, end in unread.items() if await _lacks(consumer, at, end)}
                if not unread:
                    room.filled.set()
    finally:
        await consumer.stop()


async def _unread(
    consumer: AIOKafkaConsumer, partitions: dict[str, list[TopicPartition]]
) -> dict[TopicPartition, int]:
    """Where what is compacted ends now; whoever has read so far knows the ward."""
    compacted = [at for topic in TOPICS if topic.compacted for at in partitions[topic.name]]
    ends: dict[TopicPartition, int] = await consumer.end_offsets(compacted)
    return ends


async def _lacks(consumer: AIOKafkaConsumer, at: TopicPartition, end: int) -> bool:
    return bool(await consumer.position(at) < end)


def _take(room: Room, records: list[ConsumerRecord]) -> None:
    for record in records:
        try:
            room.take(record.topic, record.key, record.value, record.timestamp * 1000)
        except (RecordError, ChunkError) as error:
            where = about(
                device=None if record.key is None else record.key.decode(errors="replace"),
                partition=f"{record.topic}/{record.partition}",
                offset=record.offset,
            )
            _log.warning("unreadable: %s", error, extra=where)


def _trace(told: Tracing, records: list[ConsumerRecord]) -> None:
    """Go on with the traces that came along; an open page has got its message by now."""
    now_us = time.time_ns() // 1000
    for record in records:
        context = context_in(record.headers)
        if context is not None:
            told.tell(context, Step("console: shown", record.timestamp * 1000, now_us))


def _partitions(kafka: KafkaConnection) -> dict[str, list[TopicPartition]]:
    known = AdminClient(kafka.confluent()).list_topics(timeout=_METADATA_S).topics
    missing = [topic.name for topic in TOPICS if topic.name not in known]
    if missing:
        raise OSError(f"it lacks the topics {', '.join(missing)}: heartward topics apply")
    return {
        topic.name: [TopicPartition(topic.name, p) for p in known[topic.name].partitions]
        for topic in TOPICS
    }
