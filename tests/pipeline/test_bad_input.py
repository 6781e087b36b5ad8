"""What lies in the log and is no chunk reaches the worker's dead letters; good sound goes on.

Here nothing stands before the worker: whoever may write to the topics can put anything there.
"""

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from ingest.chunk import MAX_PAYLOAD_BYTES, AudioChunk, encode
from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink, Header
from ingest.simulated_ward import build
from ingest.simulator_settings import SimulatorSettings
from models.errors import BadInputError
from models.registry import Registry
from stream_processors.arrivals import LaneKey, read_arrival
from stream_processors.records import DeadLetter, WindowResult
from stream_processors.running_models import RunningModels
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import (
    AUDIO,
    AUDIO_HISTORY,
    DEAD_LETTERS,
    RECEIVED_AT_HEADER,
    RESULTS,
    Topic,
)
from tests import kafka_log
from tests.chaos.fuzz import Fuzzer
from tests.chaos.reference import recorded, results
from tests.chaos.verdict import differences
from tests.processes import Part
from tests.servers import EmbeddedKafka
from tests.waiting import until

BAD = 3000
GOOD_S = 30


class Sent(NamedTuple):
    """A record as whoever has the right to write may put it into Kafka."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    timestamp: int

    @property
    def offset(self) -> int:
        return 0


def bad_records(now_ms: int) -> Iterator[Sent]:
    """Fuzzed payloads, some of them without the bridge's header or with an odd one or key."""
    draw = random.Random(11)  # noqa: S311 (a fuzzer must repeat itself)
    received = str(now_ms * 1000).encode()
    keys = (None, b"", b"no such id", b"\xff\xfe", b"x" * 65)
    times = (b"", b"-1", b"1e9", b"9" * 17, received + b"\x00", b"9" * 16, "٣".encode())
    for message in Fuzzer(7, group="any").messages(BAD):
        topic = AUDIO_HISTORY if message.topic.endswith("history") else AUDIO
        key: bytes | None = message.topic.split("/")[-2].encode()
        headers = [(RECEIVED_AT_HEADER, received)]
        match draw.randrange(12):
            case 0:
                key = draw.choice(keys)
            case 1:
                headers = [(RECEIVED_AT_HEADER, draw.choice(times))]
            case 2:
                headers = []
        value = None if draw.randrange(50) == 0 else message.payload
        yield Sent(topic, key, value, headers, now_ms)


def is_refused(record: Sent) -> bool:
    try:
        read_arrival(record)
    except BadInputError:
        return True
    return False


def good_records(chunks: Sequence[AudioChunk], device_id: str) -> Iterator[Sent]:
    for chunk in chunks:
        received_us = chunk.captured_at_us + 1_000_000
        headers = [(RECEIVED_AT_HEADER, str(received_us).encode())]
        yield Sent(AUDIO, device_id.encode(), encode(chunk), headers, received_us // 1000)


def mixed(good: Sequence[Sent], bad: Sequence[Sent]) -> Iterator[Sent]:
    """Each good record behind its share of bad ones."""
    share = len(bad) // len(good)
    for number, record in enumerate(good):
        yield from bad[number * share : (number + 1) * share]
        yield record
    yield from bad[len(good) * share :]


def put(kafka: KafkaConnection, records: Iterable[Sent]) -> None:
    sink = ConfluentSink(kafka, client_id="test")
    for record in records:
        sink.produce(
            record.topic.name,
            record.key,
            record.value,
            headers=record.headers,
            timestamp_ms=record.timestamp,
        )
    assert sink.flush(20) == 0
    sink.close()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Part]:
    """A worker that is not started yet, on a Kafka of its own."""
    kafka = EmbeddedKafka(tmp_path / "kafka").start()
    settings = {"HEARTWARD_KAFKA_SERVERS": kafka.address}
    worker = Part("worker", "stream_processors.app", settings, folder=tmp_path)
    try:
        apply_topics(connection(worker))
        yield worker
    finally:
        worker.kill()
        kafka.kill()


def connection(worker: Part) -> KafkaConnection:
    return load(KafkaConnection, {"servers": worker.environment()["HEARTWARD_KAFKA_SERVERS"]})


def test_bad_records_between_good_ones_stop_nothing(worker: Part) -> None:
    kafka = connection(worker)
    now_ms = time.time_ns() // 1_000_000
    settings = load(SimulatorSettings, {"devices": 1, "device_prefix": "good-"})
    [(wearable, _)] = build(settings, start_us=now_ms * 1000)
    chunks = list(recorded(wearable, GOOD_S * 2000))
    key = LaneKey(wearable.device_id, chunks[0].boot_id, 2000)
    expected = results(key, chunks, RunningModels(Registry()).current)
    bad = list(bad_records(now_ms))
    refused = [record for record in bad if is_refused(record)]

    put(kafka, mixed(list(good_records(chunks, key.device_id)), bad))
    worker.start()
    until(
        lambda: len(kafka_log.entries(kafka, DEAD_LETTERS)) >= len(refused),
        "every bad record is dead-lettered",
        timeout_s=30,
    )

    letters = kafka_log.records(kafka, DEAD_LETTERS, DeadLetter)
    assert Counter((x.topic, x.payload) for x in letters) == Counter(
        (r.topic.name, (r.value or b"")[:MAX_PAYLOAD_BYTES]) for r in refused
    )
    assert all(letter.reason and letter.stage == "audio" for letter in letters)
    found = kafka_log.records(kafka, RESULTS, WindowResult)
    good = {r.window_index: r for r in found if r.device_id == key.device_id}
    assert good.keys() == expected.keys()
    assert [p for k in expected for p in differences(expected[k], good[k])] == []
    assert worker.is_running
