"""An end is where each partition has no more to give, however its answers are cut."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from stream_processors.log_ends import behind, read_by_time, read_to_end

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


class Timed(NamedTuple):
    """A record of a time, or the end of its partition."""

    number: int
    at_ms: int | None

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self.at_ms is None else None

    def topic(self) -> str:
        return "pcg.audio"

    def partition(self) -> int:
        return self.number

    def timestamp(self) -> tuple[int, int | None]:
        return 1, self.at_ms


class Uneven:
    """Gives what is not paused: of the first partition much in each answer, of others one."""

    def __init__(self, *logs: Sequence[int]) -> None:
        self._logs = [[*log, None] for log in logs]
        self._paused: set[int] = set()
        self.given = 0
        self.pauses = 0

    def assign(self, _starts: list[TopicPartition]) -> None: ...

    def pause(self, places: list[TopicPartition]) -> None:
        self.pauses += 1
        self._paused |= {place.partition for place in places}

    def resume(self, places: list[TopicPartition]) -> None:
        self._paused -= {place.partition for place in places}

    def consume(self, _most: int, _within_s: float) -> list[Timed]:
        answer = []
        for number, log in enumerate(self._logs):
            if number not in self._paused:
                part = log[: 1 if number else 50]
                del log[: len(part)]
                answer += [Timed(number, at_ms) for at_ms in part]
        self.given += sum(each.at_ms is not None for each in answer)
        return answer


class Silent(Uneven):
    """Never tells an end."""

    def consume(self, most: int, within_s: float) -> list[Timed]:
        return [each for each in super().consume(most, within_s) if each.at_ms is not None]


def by_time(consumer: Uneven, *, ahead: int = 500) -> Iterator[tuple[int, int]]:
    reader: Any = consumer
    for message in read_by_time(reader, STARTS, patience_s=0.05, ahead=ahead):
        said: Any = message
        yield said.number, said.at_ms


def test_partitions_are_merged_by_time() -> None:
    assert [at for _, at in by_time(Uneven([1, 4, 5], [2, 3, 6]))] == [1, 2, 3, 4, 5, 6]
    assert list(by_time(Uneven([], [7]))) == [(1, 7)]
    assert list(by_time(Uneven([3], [3]))) == [(0, 3), (1, 3)]


def test_a_partition_keeps_its_order_though_a_clock_was_set_back() -> None:
    merged = list(by_time(Uneven([10, 4, 11], [5, 12])))
    assert [at for number, at in merged if number == 0] == [10, 4, 11]
    assert merged == [(1, 5), (0, 10), (0, 4), (0, 11), (1, 12)]


def test_what_is_held_does_not_grow_with_the_log() -> None:
    """The other's records come one by one, so the first could be read whole meanwhile."""
    for length in (1000, 4000):
        consumer = Uneven(range(0, 2 * length, 2), range(1, 2 * length, 2))
        most_held = 0
        for taken, (_, at_ms) in enumerate(by_time(consumer, ahead=60)):
            assert at_ms == taken
            most_held = max(most_held, consumer.given - taken)
        assert consumer.given == 2 * length
        assert consumer.pauses
        assert most_held < 60 + 50 + 10  # one answer beyond what is enough, and the other's few


def test_a_silence_before_the_end_of_one_is_an_error_too() -> None:
    with pytest.raises(KafkaException, match=r"no end of pcg\.audio within"):
        list(by_time(Silent([1], [2])))


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
