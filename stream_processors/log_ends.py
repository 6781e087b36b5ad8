"""Read Kafka partitions to their present ends, and say how far off an end is.

What a broker answers when it is asked for the end of a partition is no guide: the embedded Kafka
counts the last batch as one record. What any broker says with the records that it gives is true;
so an end is where Kafka has no more to give, and nobody asks for it.
"""

import heapq
import time
from collections import deque
from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

ENDS_ARE_TOLD = {"enable.partition.eof": True}  # what a consumer must be made with for this

_BATCH = 1000
_LOOK_EVERY_S = 0.05

_At = tuple[str, int]  # topic and partition


def read_to_end(
    consumer: Consumer, starts: Sequence[TopicPartition], *, patience_s: float
) -> Iterator[Message]:
    """Assign the partitions and give what they hold now; what is written meanwhile may be in it.

    Parameters
    ----------
    patience_s
        How long Kafka may be silent before all is read.

    Raises
    ------
    KafkaException
        When it is silent for longer, or a partition cannot be read.
    """
    consumer.assign(list(starts))
    unread = {(start.topic, start.partition) for start in starts}
    silent_since_s = time.monotonic()
    while unread:
        for message in consumer.consume(_BATCH, _LOOK_EVERY_S):
            silent_since_s = time.monotonic()
            error = message.error()
            if error is None:
                yield message
            elif at_end(error):
                unread.discard((message.topic(), message.partition()))
            else:
                raise KafkaException(error)
        if time.monotonic() - silent_since_s > patience_s:
            raise _silence({topic for topic, _ in unread}, patience_s)


def read_by_time(
    consumer: Consumer, starts: Sequence[TopicPartition], *, patience_s: float, ahead: int = 500
) -> Iterator[Message]:
    """Give the same merged by the records' times; each partition keeps its own order.

    No more is held than `ahead` records of each partition, and what came with them in one answer:
    one that is further ahead than that is paused until its turn comes.

    Raises
    ------
    KafkaException
        As `read_to_end`.
    """
    consumer.assign(list(starts))
    waiting = _Waiting(consumer, starts, ahead=ahead, patience_s=patience_s)
    heads: list[tuple[int, int, Message]] = []

    def read_on(number: int) -> None:
        message = waiting.take(_of(starts[number]))
        if message is not None:
            heapq.heappush(heads, (message.timestamp()[1], number, message))

    for number in range(len(starts)):
        read_on(number)
    while heads:
        _, number, message = heapq.heappop(heads)
        yield message
        read_on(number)


class _Waiting:
    """Records of several partitions that were read before their turn."""

    def __init__(
        self,
        consumer: Consumer,
        starts: Sequence[TopicPartition],
        *,
        ahead: int,
        patience_s: float,
    ) -> None:
        self._consumer = consumer
        self._most = ahead
        self._patience_s = patience_s
        self._records: dict[_At, deque[Message]] = {_of(start): deque() for start in starts}
        self._unread = set(self._records)
        self._paused: set[_At] = set()

    def take(self, at: _At) -> Message | None:
        """Give the next record of a partition; None when there is none."""
        records = self._records[at]
        if not records and at in self._paused & self._unread:
            self._paused.remove(at)
            self._consumer.resume([TopicPartition(*at)])
        silent_since_s = time.monotonic()
        while not records and at in self._unread:
            if self._read():
                silent_since_s = time.monotonic()
            elif time.monotonic() - silent_since_s > self._patience_s:
                raise _silence({at[0]}, self._patience_s)
        return records.popleft() if records else None

    def _read(self) -> bool:
        """Take one answer in and pause who has enough; whether there was anything in it."""
        messages = self._consumer.consume(_BATCH, _LOOK_EVERY_S)
        for message in messages:
            error, at = message.error(), (message.topic(), message.partition())
            if error is None:
                self._records[at].append(message)
            elif at_end(error):
                self._unread.discard(at)
            else:
                raise KafkaException(error)
        self._pause({at for at, records in self._records.items() if self._has_enough(at, records)})
        return bool(messages)

    def _has_enough(self, at: _At, records: deque[Message]) -> bool:
        return at not in self._unread or len(records) >= self._most

    def _pause(self, enough: set[_At]) -> None:
        more = enough - self._paused
        if more:
            self._consumer.pause([TopicPartition(*at) for at in more])
            self._paused |= more


def _of(place: TopicPartition) -> _At:
    return place.topic, place.partition


def _silence(topics: set[str], patience_s: float) -> KafkaException:
    why = f"no end of {', '.join(sorted(topics))} within {patience_s:g} s"
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, why))  # noqa: SLF001 (its only name)


def at_end(error: KafkaError) -> bool:
    """Whether it is none, but the news that a partition's end was reached."""
    return bool(error.code() == KafkaError._PARTITION_EOF)  # noqa: SLF001 (its only name)


def behind(end: int, *, read_to: int, taken_to: int | None) -> int:
    """How many records of a partition nobody has taken yet.

    `end` is where Kafka's last answer said that it ends, `read_to` what has been fetched of it;
    as long as nothing was taken, nothing before that was there to be taken.
    """
    return max(0, end - (read_to if taken_to is None else taken_to))
