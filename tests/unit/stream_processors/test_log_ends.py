"""An end is where each partition has no more to give, however its answers are cut."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from stream_processors.log_ends import behind, read_to_end

STARTS = [TopicPartition("pcg.audio", number, 0) for number in (0, 1)]


class Said(NamedTuple):
    """A record or, with a code, what Kafka says instead of one."""

    number: int
    value: str = ""
    code: int | None = None

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code)

    def topic(self) -> str:
        return "pcg.audio"

    def partition(self) -> int:
        return self.number


class Scripted:
    """Answers one question after the other, then with nothing."""

    def __init__(self, *answers: Sequence[Said]) -> None:
        self._answers = iter(answers)
        self.assigned: list[TopicPartition] = []

    def assign(self, starts: list[TopicPartition]) -> None:
        self.assigned = starts

    def consume(self, _most: int, _within_s: float) -> Sequence[Said]:
        return next(self._answers, ())


def end(number: int) -> Said:
    return Said(number, code=KafkaError._PARTITION_EOF)


def values(consumer: Scripted) -> Iterator[str]:
    reader: Any = consumer
    for message in read_to_end(reader, STARTS, patience_s=0.05):
        said: Any = message
        yield said.value


def test_reads_on_through_answers_without_records() -> None:
    consumer = Scripted([], [Said(0, "a")], [], [], [end(1)], [], [Said(0, "b")], [end(0)])
    assert list(values(consumer)) == ["a", "b"]
    assert consumer.assigned == STARTS


def test_a_partition_that_ends_twice_does_not_end_another() -> None:
    consumer = Scripted([end(0)], [Said(0, "late"), end(0)], [Said(1, "b")], [end(1)])
    assert list(values(consumer)) == ["late", "b"]


def test_empty_partitions_end_at_once() -> None:
    assert list(values(Scripted([end(0), end(1)]))) == []


def test_a_silence_before_the_end_is_an_error_that_names_the_topic() -> None:
    with pytest.raises(KafkaException) as raised:
        list(values(Scripted([Said(0, "a"), end(0)])))
    assert raised.value.args[0].str() == "no end of pcg.audio within 0.05 s"


def test_a_partition_that_cannot_be_read_is_an_error() -> None:
    refused = Said(1, code=KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        list(values(Scripted([refused])))


@pytest.mark.parametrize(
    ("end", "read_to", "taken_to", "records"),
    [
        (100, 60, 40, 60),  # of what is fetched some waits to be taken
        (100, 60, None, 40),  # begun anew behind what was committed
        (100, 100, None, 0),  # begun anew, and nothing has come since
        (0, 0, None, 0),
        (90, 100, 100, 0),  # what was fetched says more than the last answer
    ],
)
def test_lag_is_what_nobody_has_taken(
    end: int, read_to: int, taken_to: int | None, records: int
) -> None:
    assert behind(end, read_to=read_to, taken_to=taken_to) == records
