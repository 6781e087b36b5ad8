"""Records of some topics and a period: from Kafka, or from a file that was written of them."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaException,
    Message,
    TopicPartition,
)

from ingest.connections import KafkaConnection
from ingest.kafka_contact import require_kafka
from models.errors import UserError
from stream_processors.log_ends import ENDS_ARE_TOLD, read_by_time, read_to_end
from stream_processors.topics import Topic

_MAGIC = b"heartward-records-1\n"
_LENGTH = struct.Struct(">I")
_MOST_BYTES = 4 * 1024 * 1024
_PATIENCE_S = 20.0
_TIMEOUT_S = 10.0


class KeptRecord(NamedTuple):
    """One record with its topic and its Kafka timestamp."""

    topic: str
    timestamp_us: int
    key: bytes | None
    value: bytes | None


def from_kafka(
    kafka: KafkaConnection, topics: Iterable[Topic], *, from_us: int, until_us: int
) -> Iterator[KeptRecord]:
    """All that the topics hold of a period; of a compacted topic all that it holds.

    Raises
    ------
    UserError
        When Kafka does not answer or lacks a topic.
    """
    for topic in topics:
        for message in messages(kafka, topic, from_us=from_us, until_us=until_us):
            at_us = message.timestamp()[1] * 1000
            yield KeptRecord(topic.name, at_us, message.key(), message.value())


def messages(
    kafka: KafkaConnection, topic: Topic, *, from_us: int, until_us: int
) -> Iterator[Message]:
    """The same of one topic, with headers and where each lies; partitions in any order.

    Raises
    ------
    UserError
        When Kafka does not answer or lacks the topic.
    """
    return _of_period(kafka, (topic,), from_us, until_us, read_to_end)


def messages_by_time(
    kafka: KafkaConnection, topics: Sequence[Topic], *, from_us: int, until_us: int
) -> Iterator[Message]:
    """The same of several, all partitions merged by time; what is held does not grow with them.

    Raises
    ------
    UserError
        When Kafka does not answer or lacks a topic.
    """
    return _of_period(kafka, topics, from_us, until_us, read_by_time)


def first_us(kafka: KafkaConnection, topic: Topic, *, from_us: int) -> int | None:
    """When the first record of a topic since then came; None where there is none.

    Raises
    ------
    UserError
        When Kafka does not answer or lacks the topic.
    """
    first_of: dict[int, int] = {}
    with closing(_consumer(kafka)) as consumer:
        try:
            starts = _starts(consumer, topic, from_us)
            for message in read_to_end(consumer, starts, patience_s=_PATIENCE_S):
                at_us = message.timestamp()[1] * 1000
                if at_us >= from_us:
                    first_of.setdefault(message.partition(), at_us)
                if len(first_of) == len(starts):
                    break
        except KafkaException as error:
            raise _unreadable((topic,), kafka, error) from None
    return min(first_of.values(), default=None)


def write_file(records: Iterable[KeptRecord], file: Path) -> int:
    """Write records and return how many; nothing is left of a file that could not be written."""
    number = 0
    partial = file.with_name(f"{file.name}.part")
    try:
        with partial.open("wb") as opened:
            opened.write(_MAGIC)
            for number, record in enumerate(records, start=1):  # noqa: B007 (it is returned)
                frame = msgspec.msgpack.encode(record)
                opened.write(_LENGTH.pack(len(frame)) + frame)
        partial.replace(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
    return number


def from_file(file: Path) -> Iterator[KeptRecord]:
    """What `write_file` has written.

    Raises
    ------
    UserError
        When the file cannot be read, is none of these, or ends in the middle.
    """
    decoder = msgspec.msgpack.Decoder(KeptRecord)
    try:
        with file.open("rb") as opened:
            if opened.read(len(_MAGIC)) != _MAGIC:
                raise UserError(f"{file} holds no records: `heartward alarms record` writes some")
            while length := opened.read(_LENGTH.size):
                size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else -1
                frame = opened.read(size) if 0 < size <= _MOST_BYTES else b""
                if not frame or len(frame) != size:
                    raise UserError(f"{file} is damaged: it ends in the middle of a record")
                yield decoder.decode(frame)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise UserError(f"{file} is damaged: {error}") from None


def _consumer(kafka: KafkaConnection) -> Consumer:
    # One that is away is one line, not the library's hundred.
    require_kafka(kafka, timeout_s=_TIMEOUT_S)
    settings = {
        "group.id": "heartward-records",  # the library wants a name; nothing is committed
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 16 * 1024,
    }
    return Consumer(kafka.confluent() | ENDS_ARE_TOLD | settings)


def _of_period(
    kafka: KafkaConnection,
    topics: Sequence[Topic],
    from_us: int,
    until_us: int,
    read: Callable[..., Iterator[Message]],
) -> Iterator[Message]:
    compacted = {topic.name for topic in topics if topic.compacted}
    with closing(_consumer(kafka)) as consumer:
        try:
            starts = [start for topic in topics for start in _starts(consumer, topic, from_us)]
            for message in read(consumer, starts, patience_s=_PATIENCE_S):
                at_us = message.timestamp()[1] * 1000
                if message.topic() in compacted or from_us <= at_us < until_us:
                    yield message
        except KafkaException as error:
            raise _unreadable(topics, kafka, error) from None


def _unreadable(
    topics: Sequence[Topic], kafka: KafkaConnection, error: KafkaException
) -> UserError:
    names = ", ".join(topic.name for topic in topics)
    why = error.args[0].str()
    return UserError(
        f"{names} of Kafka {kafka.address} cannot be read: {why}; is it up, with its topics?"
    )


def _starts(consumer: Consumer, topic: Topic, from_us: int) -> list[TopicPartition]:
    """Where the period begins; the embedded Kafka knows no times and begins at the beginning."""
    numbers = consumer.list_topics(topic.name, timeout=_TIMEOUT_S).topics[topic.name].partitions
    if topic.compacted:
        return [TopicPartition(topic.name, number, OFFSET_BEGINNING) for number in numbers]
    asked = [TopicPartition(topic.name, number, from_us // 1000) for number in numbers]
    found: list[TopicPartition] = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
    return found
