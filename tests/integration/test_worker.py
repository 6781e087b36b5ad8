"""One worker as a process of its own, on the embedded Kafka and on Apache Kafka."""

import shutil
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deploy.embedded import free_port
from models.registry import ARTIFACTS, Registry
from stream_processors.records import (
    Assignment,
    DeadLetter,
    Heartbeat,
    ModelChoice,
    WindowResult,
    decode,
)
from stream_processors.topics import (
    ASSIGNMENTS,
    AUDIO,
    DEAD_LETTERS,
    HEARTBEATS,
    MODELS,
    RESULTS,
)
from tests import kafka_log
from tests.processes import Part
from tests.servers import ApacheKafka, EmbeddedKafka
from tests.unit.stream_processors.logs import Sent, record_of
from tests.waiting import until
from tests.worker_log import (
    PARTITIONS,
    Feeding,
    WorkerLog,
    minutes_ago,
    ward,
    worker_log,
)

DEVICES = 7


@pytest.fixture(params=[EmbeddedKafka, ApacheKafka])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerLog]:
    with worker_log(request.param, tmp_path) as started:
        yield started


# Where `make test` has time for one Kafka; the failure tests kill a worker on Apache's.
ON_EMBEDDED_KAFKA = pytest.mark.parametrize(
    "log", [EmbeddedKafka, pytest.param(ApacheKafka, marks=pytest.mark.slow)], indirect=True
)


@pytest.fixture
def embedded_log(tmp_path: Path) -> Iterator[WorkerLog]:
    with worker_log(EmbeddedKafka, tmp_path) as started:
        yield started


def test_publishes_what_the_log_says_and_commits_what_is_finished(log: WorkerLog) -> None:
    began_us = minutes_ago(10)
    log.feed(ward(began_us, devices=DEVICES, seconds=range(30)))
    worker = log.add_worker(commit_every_s=0.2)
    log.wait_for_results()
    until(lambda: len(log.committed()) == PARTITIONS, "commits", timeout_s=10)
    time.sleep(1)

    verdict = log.verdict()
    assert (verdict.lost, verdict.invented, verdict.altered) == (set(), set(), [])
    assert verdict.repeated == 0
    assert log.committed() == log.finished()

    asked_s = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert time.monotonic() - asked_s < 3


@ON_EMBEDDED_KAFKA
def test_killed_amid_the_stream_it_is_replaced_without_loss_or_change(log: WorkerLog) -> None:
    worker = log.add_worker(commit_every_s=0.2)
    log.wait_for_shares(worker)
    feeding = Feeding(log, devices=DEVICES)
    feeding.start()
    log.wait_for_windows(DEVICES * 8)
    worker.kill()
    log.add_worker(commit_every_s=0.2)
    log.wait_for_windows(DEVICES * 24)
    feeding.end()
    log.wait_for_results()

    verdict = log.verdict()
    print(f"{verdict.repeated} results published twice, of {len(log.published())}")
    assert (verdict.lost, verdict.invented, verdict.altered) == (set(), set(), [])
    # Read again are a window, its pre-roll, a chunk, and what came within a commit's interval:
    # a fifth of a second, or 4 s of this sound, which comes twenty times as fast as it was made.
    assert verdict.repeated <= DEVICES * 8


def test_poison_and_a_chunk_cut_anew_are_dead_lettered_and_stall_nothing(
    embedded_log: WorkerLog,
) -> None:
    began_us = minutes_ago(10)
    good = list(ward(began_us, devices=3, seconds=range(20)))
    poison = [
        good[0]._replace(value=b"\xc1"),
        good[0]._replace(value=None),
        good[0]._replace(value=bytes(900_000)),
        good[0]._replace(key=b"no/device"),
        good[0]._replace(key=None),
        good[0]._replace(headers=()),
        good[0]._replace(headers=(("received_at_us", b"9999999999999999"),)),
        good[0]._replace(value=(good[0].value or b"")[:-40]),
    ]
    mixed = [record for n, g in enumerate(good) for record in (g, *poison[n : n + 1])]
    # The device's first 8 s are in order here: of this chunk one half has been taken.
    cut_anew = Sent("bed-0", 15_000, np.zeros(2000, np.int16), received_s=8.3)
    mixed.insert(len(poison) + 3 * 8, record_of(cut_anew, offset=-1, start_us=began_us))
    embedded_log.feed(mixed)
    embedded_log.add_worker(commit_every_s=0.2)
    embedded_log.wait_for_results()
    until(
        lambda: embedded_log.committed() == embedded_log.finished(),
        "the commit past the poison",
        timeout_s=15,
    )

    letters = kafka_log.records(embedded_log.kafka, DEAD_LETTERS, DeadLetter)
    assert len(letters) == len(poison) + 1
    assert {letter.topic for letter in letters} == {AUDIO.name}
    assert all(letter.reason and letter.partition is not None for letter in letters)
    (told,) = (letter for letter in letters if "overlaps" in letter.reason)
    assert "samples 15000 to 15999 were taken" in told.reason
    assert told.device_id == "bed-0"
    assert embedded_log.verdict().lost == set()


def test_assignments_are_joined_and_models_switched_without_a_restart(
    embedded_log: WorkerLog,
) -> None:
    began_us = minutes_ago(10)
    kafka_log.publish(embedded_log.kafka, ASSIGNMENTS, [("a1", _assignment("a1", began_us))])
    worker = embedded_log.add_worker()
    embedded_log.feed(ward(began_us, devices=1, seconds=range(10)))
    embedded_log.wait_for_results()
    default = next(entry for entry in Registry().entries if entry.default)
    off = ModelChoice(task=default.task, model=default.name, version=default.version, role="off")
    kafka_log.publish(embedded_log.kafka, MODELS, [(default.task, off)])
    until(lambda: "models: no models" in worker.log.read_text(), "the switch", timeout_s=10)
    embedded_log.feed(ward(began_us, devices=1, seconds=range(10, 20)))
    embedded_log.wait_for_results()

    results = {result.window_index: result for result in embedded_log.published()}
    assert {result.patient_id for result in results.values()} == {"patient-a1"}
    assert [bool(results[index].findings) for index in sorted(results)] == [True] * 3 + [False] * 4


@ON_EMBEDDED_KAFKA
def test_live_sound_is_answered_well_within_a_second(log: WorkerLog) -> None:
    """Faust asks Kafka to wait up to 1.5 s for more sound; ours does not."""
    worker = log.add_worker()
    log.wait_for_shares(worker)
    for second in range(12):
        began_us = time.time_ns() // 1000 - round((second + 1.2) * 1e6)
        log.feed(ward(began_us, devices=5, seconds=range(second, second + 1)))
        time.sleep(0.2)
    log.wait_for_results()

    waits_ms = [
        entry.timestamp_ms - decode(WindowResult, entry.value).stages.received_us / 1000
        for entry in kafka_log.entries(log.kafka, RESULTS)
    ]
    print(f"received to published: median {statistics.median(waits_ms):.0f} ms")
    assert statistics.median(waits_ms) < 500


def test_heartbeats_tell_partitions_lag_and_counters(embedded_log: WorkerLog) -> None:
    worker = embedded_log.add_worker()
    embedded_log.wait_for_shares(worker)
    embedded_log.feed(ward(minutes_ago(10), devices=2, seconds=range(10)))
    embedded_log.wait_for_results()

    def latest() -> Heartbeat:
        return kafka_log.records(embedded_log.kafka, HEARTBEATS, Heartbeat)[-1]

    until(lambda: latest().counters["results"] == 6, "a heartbeat with all results", timeout_s=10)
    beat = latest()
    assert (beat.process, beat.kind, beat.instance) == ("worker", "audio", worker.name)
    assert beat.pid == worker.pid
    assert len(beat.partitions) == 2 * PARTITIONS
    assert set(beat.lag.values()) == {0}
    assert (beat.counters["chunks"], beat.counters["windows"]) == (20, 6)
    assert beat.counters["commit_age_s"] < 10


@ON_EMBEDDED_KAFKA
def test_lag_is_known_of_partitions_where_nothing_comes_after_a_restart(log: WorkerLog) -> None:
    log.feed(ward(minutes_ago(10), devices=DEVICES, seconds=range(10)))
    first = log.add_worker(commit_every_s=0.2)
    log.wait_for_results()
    until(lambda: log.committed() == log.finished(), "commits", timeout_s=15)
    first.kill()
    second = log.add_worker()

    def lag() -> dict[str, int]:
        beats = kafka_log.records(log.kafka, HEARTBEATS, Heartbeat)
        return {beat.instance: beat.lag for beat in beats}.get(second.name, {})

    until(lambda: len(lag()) == 2 * PARTITIONS, "the lag of every partition", timeout_s=45)
    assert set(lag().values()) == {0}


def test_ends_within_three_seconds_even_while_kafka_is_away(embedded_log: WorkerLog) -> None:
    worker = embedded_log.add_worker()
    embedded_log.wait_for_shares(worker)
    embedded_log.server.send_signal(signal.SIGSTOP)

    asked_s = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert time.monotonic() - asked_s < 3


def test_says_in_one_line_that_kafka_is_not_there(tmp_path: Path) -> None:
    assert "cannot be used" in _last_words(f"127.0.0.1:{free_port()}", tmp_path)


def test_says_in_one_line_that_topics_are_missing(tmp_path: Path) -> None:
    server = EmbeddedKafka(tmp_path / "kafka").start()
    try:
        words = _last_words(server.address, tmp_path)
    finally:
        server.kill()
    assert "lacks the topics pcg.assignments, pcg.audio" in words
    assert "`heartward topics apply`" in words


def test_says_in_one_line_that_a_model_was_altered(embedded_log: WorkerLog, tmp_path: Path) -> None:
    models = shutil.copytree(ARTIFACTS, tmp_path / "models")
    for artifact in models.glob("*.onnx"):
        artifact.write_bytes(artifact.read_bytes()[:-1])
    words = _last_words(embedded_log.kafka.servers, tmp_path, models_dir=models)
    assert "does not match its checksum in manifest.json" in words


def _last_words(address: str, folder: Path, **settings: object) -> str:
    """What a worker that cannot start leaves on standard error: one line and a status."""
    given = {f"HEARTWARD_WORKER_{key.upper()}": value for key, value in settings.items()}
    given["HEARTWARD_KAFKA_SERVERS"] = address
    worker = Part("hopeless", "stream_processors.app", given, folder=folder / "hopeless")
    worker.start()
    assert worker.wait(40) == 1
    last = [line for line in worker.log.read_text().splitlines() if " level=" not in line]
    assert len(last) == 1, last
    return last[0]


def _assignment(name: str, from_us: int) -> Assignment:
    return Assignment(
        assignment_id=name,
        device_id="bed-0",
        patient_id=f"patient-{name}",
        ward="3",
        bed="7",
        from_us=from_us,
    )
