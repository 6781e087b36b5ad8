"""A record is stored or refused for good, in order, whatever the producer library reports."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ClusterMetadata

from ingest import kafka_sink
from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink, MemorySink, keep_polling

OnReport = Callable[[KafkaError | None, object], None]


Fate = Callable[[bytes, list[bytes]], KafkaError | None]


class FakeKafka:
    """Decides the fate of each record by its value and its batch, and holds what it took."""

    def __init__(self) -> None:
        self.fate: Fate = lambda _value, _batch: None
        self.away = False
        self.stored: list[bytes] = []
        self.producers: list[FakeProducer] = []

    def new_producer(self, config: dict[str, Any]) -> "FakeProducer":
        self.producers.append(FakeProducer(self, config))
        return self.producers[-1]


class FakeProducer:
    """As much of confluent-kafka's producer as the sink uses; a poll delivers one batch."""

    def __init__(self, kafka: FakeKafka, config: dict[str, Any]) -> None:
        self.config = config
        self.room = 1000
        self.dead = False
        self.mute = False
        self._kafka = kafka
        self._queue: deque[tuple[bytes, OnReport]] = deque()

    def produce(self, _topic: str, value: bytes, _key: bytes, **given: Any) -> None:
        if self.dead:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        if len(self._queue) >= self.room:
            raise BufferError
        self._queue.append((value, given["on_delivery"]))

    def poll(self, _timeout_s: float) -> None:
        if self.mute:
            return
        batch = self._take()
        values = [value for value, _ in batch]
        for value, report in batch:
            error = self._kafka.fate(value, values)
            if error is None:
                self._kafka.stored.append(value)
            report(error, None)

    def list_topics(self, timeout: float) -> ClusterMetadata:
        assert timeout <= 1
        if self._kafka.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return ClusterMetadata()

    def purge(self) -> None:
        self.mute = False
        for _, report in self._take():
            report(KafkaError(KafkaError._PURGE_QUEUE), None)

    def _take(self) -> list[tuple[bytes, OnReport]]:
        batch, self._queue = list(self._queue), deque()
        return batch


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_sink, "_RETRY_S", 0.0)


@pytest.fixture
def kafka() -> FakeKafka:
    return FakeKafka()


@pytest.fixture
def sink(kafka: FakeKafka) -> ConfluentSink:
    return ConfluentSink(load(KafkaConnection), client_id="test", new_producer=kafka.new_producer)


def give(sink: ConfluentSink, *values: bytes) -> dict[bytes, str | None]:
    """Produce values; the fates that their callbacks tell are filled in as they come."""
    fates: dict[bytes, str | None] = {}
    for value in values:

        def told(refusal: str | None, value: bytes = value) -> None:
            assert value not in fates, "told twice"
            fates[value] = refusal

        sink.produce("t", b"k", value, timestamp_ms=1, on_delivery=told)
    return fates


def settle(sink: ConfluentSink) -> None:
    for _ in range(100):
        sink.poll()
    assert sink.in_flight == 0


def refuse_batches_with(value: bytes) -> Fate:
    return lambda _value, batch: (
        KafkaError(KafkaError.MSG_SIZE_TOO_LARGE) if value in batch else None
    )


def test_says_of_every_record_that_it_is_stored(sink: ConfluentSink) -> None:
    fates = give(sink, b"1", b"2")
    assert (sink.in_flight, fates) == (2, {})

    sink.poll()

    assert fates == {b"1": None, b"2": None}
    assert sink.in_flight == 0


def test_waits_for_all_replicas_and_partitions_as_java_does(
    kafka: FakeKafka, sink: ConfluentSink
) -> None:
    config = kafka.producers[0].config

    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True
    assert config["partitioner"] == "murmur2_random"
    assert sink.errors == 0


def test_produces_anew_in_order_what_the_library_hands_back(
    kafka: FakeKafka, sink: ConfluentSink
) -> None:
    kafka.fate = lambda _value, _batch: KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
    fates = give(sink, b"1", b"2", b"3")
    sink.poll()
    later = give(sink, b"4")
    sink.poll()

    kafka.fate = lambda _value, _batch: None
    settle(sink)

    assert kafka.stored == [b"1", b"2", b"3", b"4"]
    assert fates | later == dict.fromkeys((b"1", b"2", b"3", b"4"))
    assert sink.errors >= 3


def test_a_record_that_kafka_refuses_is_told_so_and_its_batch_does_not_suffer(
    kafka: FakeKafka, sink: ConfluentSink
) -> None:
    kafka.fate = refuse_batches_with(b"large")

    fates = give(sink, b"1", b"large", b"2")
    settle(sink)

    assert kafka.stored == [b"1", b"2"]
    assert fates[b"1"] is fates[b"2"] is None
    assert "too large" in str(fates[b"large"]).lower()


def test_nothing_joins_a_record_that_is_tried_alone(kafka: FakeKafka, sink: ConfluentSink) -> None:
    kafka.fate = refuse_batches_with(b"large")
    fates = give(sink, b"large")
    sink.poll()  # refused once, now tried alone

    later = give(sink, b"later")
    settle(sink)

    assert fates[b"large"] is not None
    assert later == {b"later": None}


def test_a_full_queue_is_waited_for(kafka: FakeKafka, sink: ConfluentSink) -> None:
    kafka.producers[0].room = 2

    fates = give(sink, b"1", b"2", b"3", b"4", b"5")
    settle(sink)

    assert kafka.stored == [b"1", b"2", b"3", b"4", b"5"]
    assert set(fates.values()) == {None}


def test_a_producer_that_is_broken_for_good_is_replaced_and_the_order_kept(
    kafka: FakeKafka, sink: ConfluentSink
) -> None:
    fates = give(sink, b"1", b"2")
    kafka.producers[0].dead = True

    later = give(sink, b"3")
    settle(sink)

    assert len(kafka.producers) == 2
    assert kafka.stored == [b"1", b"2", b"3"]
    assert fates | later == dict.fromkeys((b"1", b"2", b"3"))


@pytest.mark.parametrize("away", [False, True])
def test_a_silent_producer_is_replaced_only_if_kafka_is_well(
    kafka: FakeKafka, sink: ConfluentSink, monkeypatch: pytest.MonkeyPatch, *, away: bool
) -> None:
    kafka.producers[0].mute = True
    kafka.away = away
    give(sink, b"1", b"2")
    sink.poll()

    monkeypatch.setattr("time.monotonic", lambda: 1e9)
    for _ in range(3):
        sink.poll()

    assert kafka.stored == ([] if away else [b"1", b"2"])
    assert len(kafka.producers) == (1 if away else 2)


def test_flush_says_how_much_is_left_after_the_time(kafka: FakeKafka, sink: ConfluentSink) -> None:
    kafka.fate = lambda _value, _batch: KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
    give(sink, b"1", b"2")

    assert sink.flush(0.05) == 2


def test_the_memory_twin_keeps_the_same_promises() -> None:
    sink = MemorySink()
    told: list[str | None] = []
    sink.refuse = lambda record: "too large" if record.value == b"large" else None
    sink.away = True
    sink.produce("t", b"k", b"small", timestamp_ms=5, on_delivery=told.append)
    sink.produce("t", b"k", b"large", timestamp_ms=5, on_delivery=told.append)

    sink.poll()
    assert (sink.in_flight, told) == (2, [])

    sink.away = False
    assert sink.flush(1.0) == 0
    assert told == [None, "too large"]
    assert [record.value for record in sink.stored] == [b"small"]


async def test_callbacks_run_in_the_event_loop_that_polls() -> None:
    sink = MemorySink()
    stored = asyncio.get_running_loop().create_future()
    sink.produce("t", None, b"x", timestamp_ms=1, on_delivery=stored.set_result)

    polling = asyncio.create_task(keep_polling(sink))
    assert await asyncio.wait_for(stored, 1.0) is None

    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling
