"""Read Kafka partitions to their present ends, and say how far off an end is.

What a broker answers when it is asked for the end of a partition is no guide: the embedded Kafka
counts the last batch as one record. What any broker says with the records that it gives is true;
so an end is where Kafka has no more to give, and nobody asks for it.
"""

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

ENDS_ARE_TOLD = {"enable.partition.eof": True}  # what a consumer must be made with for this

_BATCH = 1000
_LOOK_EVERY_S = 0.05


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
            topics = ", ".join(sorted({topic for topic, _ in unread}))
            why = f"no end of {topics} within {patience_s:g} s"
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, why))  # noqa: SLF001 (its only name)


def at_end(error: KafkaError) -> bool:
    """Whether it is none, but the news that a partition's end was reached."""
    return bool(error.code() == KafkaError._PARTITION_EOF)  # noqa: SLF001 (its only name)


def behind(end: int, *, read_to: int, taken_to: int | None) -> int:
    """How many records of a partition nobody has taken yet.

    `end` is where Kafka's last answer said that it ends, `read_to` what has been fetched of it;
    as long as nothing was taken, nothing before that was there to be taken.
    """
    return max(0, end - (read_to if taken_to is None else taken_to))
