"""A candidate is put in shadow, its findings are published, and compared: on a real Kafka."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from deploy.model_choice import choose
from deploy.shadowing import of_results, recorded
from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink
from models.errors import UserError
from models.registry import MANIFEST, Manifest, Registry, read_manifest
from stream_processors.agents import followers
from stream_processors.assignments import AssignmentHistory
from stream_processors.compacted import CompactedTopics
from stream_processors.records import Finding, encode
from stream_processors.running_models import RunningModels
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import RESULTS
from tests.results import window_result
from tests.servers import ApacheKafka, EmbeddedKafka, Server
from tests.unit.models import tiny
from tests.waiting import until


@pytest.fixture(
    params=[EmbeddedKafka, pytest.param(ApacheKafka, marks=pytest.mark.slow)], scope="module"
)
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaConnection]:
    server: Server = request.param(tmp_path_factory.mktemp("kafka")).start()
    connection = load(KafkaConnection, {"servers": server.address})
    apply_topics(connection)
    yield connection
    server.kill()


def install(folder: Path, version: str, *, default: bool) -> None:
    """Put one more version beside those that are there."""
    there = read_manifest(folder).models if (folder / MANIFEST).exists() else ()
    contract = msgspec.structs.replace(tiny.CONTRACT, version=version)
    tiny.put_into(folder, contract, default=default)
    (entry,) = read_manifest(folder).models
    (folder / entry.file).rename(folder / f"{version}.onnx")
    mine = msgspec.structs.replace(entry, file=f"{version}.onnx")
    (folder / MANIFEST).write_bytes(msgspec.json.encode(Manifest(models=(*there, mine))))


def test_a_worker_follows_choices_of_models_that_were_installed_after_it_started(
    kafka: KafkaConnection, tmp_path: Path
) -> None:
    install(tmp_path, "1.0.0", default=True)
    running = RunningModels(Registry(tmp_path))
    with CompactedTopics(kafka, followers(AssignmentHistory(), running)) as tables:
        tables.read_to_end()
        assert str(running) == "tiny 1.0.0"

        def runs(what: str) -> None:
            def followed() -> bool:
                tables.follow()
                return str(running) == what

            until(followed, what, timeout_s=20)

        for version in ("2.0.0", "3.0.0"):
            install(tmp_path, version, default=False)
        later = Registry(tmp_path)
        choose(later.named("tiny-2.0.0"), "shadow", kafka)
        runs("tiny 1.0.0, tiny 2.0.0 in shadow")
        choose(later.named("tiny-2.0.0"), "active", kafka)
        runs("tiny 2.0.0")
        choose(later.named("tiny-3.0.0"), "shadow", kafka)
        runs("tiny 2.0.0, tiny 3.0.0 in shadow")
        choose(later.named("tiny-2.0.0"), "off", kafka)
        runs("no models")


def test_recorded_results_of_the_last_hours_are_compared(kafka: KafkaConnection) -> None:
    now_us = time.time_ns() // 1000
    sink = ConfluentSink(kafka, client_id="test")
    for index, hours_ago in enumerate((0.1, 0.5, 30.0)):
        record = window_result(
            "bed-1",
            index,
            start_us=now_us - round(hours_ago * 3.6e9),
            findings=(_finding("1", shadow=False), _finding("2", shadow=True)),
        )
        sink.produce(RESULTS.name, b"bed-1", encode(record), timestamp_ms=now_us // 1000)
    sink.produce(RESULTS.name, b"bed-1", b"no result", timestamp_ms=now_us // 1000)
    assert sink.flush(10) == 0
    sink.close()
    pairs = of_results(recorded(kafka, hours=24))
    assert {names: len(own) for names, own in pairs.items()} == {("screen 1", "screen 2"): 2}


def test_a_kafka_without_results_is_told_in_one_line() -> None:
    nowhere = load(KafkaConnection, {"servers": "127.0.0.1:1"})
    with pytest.raises(UserError, match=r"Kafka 127\.0\.0\.1:1 cannot be read") as refused:
        list(recorded(nowhere, hours=1, timeout_s=0.5))
    assert "\n" not in str(refused.value)


def _finding(version: str, *, shadow: bool) -> Finding:
    return Finding(
        model="screen",
        version=version,
        label="normal",
        probability=0.8,
        probabilities={"normal": 0.8, "abnormal": 0.2},
        shadow=shadow,
    )
