"""Killed, paused and cut off, the bridge loses nothing and bounds what it holds."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from ingest.chunk import AudioChunk, encode
from ingest.connections import KafkaConnection, load
from stream_processors import records
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import AUDIO, DEAD_LETTERS, HEARTBEATS
from tests import kafka_log
from tests.benchmarks.mqtt_load import chunk_load
from tests.integration.bridges import (
    ON_EMBEDDED_MQTT,
    ON_MOSQUITTO,
    Brokers,
    bridge,
    shipped_limits,
    start,
    with_topics,
)
from tests.integration.devices import Devices, chunks_in, devices
from tests.servers import ApacheKafka, EmbeddedKafka, Mosquitto, Server
from tests.waiting import until


@contextmanager
def loaded(them: Devices, *, every_s: float = 0.02) -> Iterator[None]:
    """Numbered chunks from every device, until the end of the block."""
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(every_s):
            them.send()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def assert_nothing_lost(brokers: Brokers, them: Devices, *, doubled_at_most: int) -> None:
    found = chunks_in(brokers.connection, them.ids)
    assert set(them.sent) - set(found) == set()
    assert (found - Counter(set(found))).total() <= doubled_at_most


@ON_MOSQUITTO
def test_killed_again_and_again_under_load_it_loses_nothing(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt, number=10) as them:
        with bridge(brokers, tmp_path, groups=them.group, MAX_IN_FLIGHT=100) as part, loaded(them):
            for _ in range(3):
                time.sleep(1)
                part.kill()
                time.sleep(0.5)
                start(part)
            time.sleep(1)
        them.confirmed()
        with bridge(brokers, tmp_path, groups=them.group):
            until(
                lambda: set(them.sent) <= set(chunks_in(brokers.connection, them.ids)),
                "every chunk is in Kafka",
                timeout_s=20,
            )
        assert_nothing_lost(brokers, them, doubled_at_most=4 * 100)


@ON_MOSQUITTO
def test_a_device_of_a_killed_bridge_is_told_the_rest_once_it_sends_the_hole_again(
    brokers: Brokers, tmp_path: Path
) -> None:
    with (
        devices(brokers.mqtt) as them,
        bridge(brokers, tmp_path, groups=them.group, ACK_EVERY_S=3) as part,
    ):
        them.send(4)
        until(
            lambda: len(chunks_in(brokers.connection, them.ids)) == 4,
            "four chunks are in Kafka",
            timeout_s=10,
        )
        part.kill()  # before the device was told
        start(part)
        them.send(2)
        until(lambda: bool(them.acks), "the new bridge speaks", timeout_s=10)
        assert them.stored_to() == [0]

        for number in range(4):
            them.send_again(number)
        until(them.told_everything_is_stored, "the hole is filled", timeout_s=10)


@ON_EMBEDDED_MQTT
def test_a_paused_kafka_loses_nothing_and_what_is_in_flight_stays_bounded(
    brokers: Brokers, tmp_path: Path
) -> None:
    with (
        devices(brokers.mqtt, number=10) as them,
        bridge(brokers, tmp_path, groups=them.group, MAX_IN_FLIGHT=50) as part,
        loaded(them),
    ):
        time.sleep(1)
        before_mib = part.rss_mib()
        brokers.kafka.send_signal(signal.SIGSTOP)
        time.sleep(6)
        grown_mib = part.rss_mib() - before_mib
        brokers.kafka.send_signal(signal.SIGCONT)
        time.sleep(2)
    with bridge(brokers, tmp_path, groups=them.group):
        until(
            lambda: set(them.sent) <= set(chunks_in(brokers.connection, them.ids)),
            "every chunk is in Kafka",
            timeout_s=20,
        )
    assert_nothing_lost(brokers, them, doubled_at_most=100)
    beats = kafka_log.records(brokers.connection, HEARTBEATS, records.Heartbeat)
    levels = [beat.counters["in_flight"] for beat in beats if beat.instance == them.group]
    assert max(levels) <= 2 * 50 + 20  # rumqttd sends 100 whatever is asked
    assert grown_mib < 10


@ON_MOSQUITTO
def test_asked_to_end_it_ends_within_three_seconds_and_its_session_stays(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt, number=5) as them:
        with bridge(brokers, tmp_path, groups=them.group) as part, loaded(them):
            time.sleep(1)
            asked_s = time.monotonic()
            part.send_signal(signal.SIGTERM)
            assert part.wait(10) == 0
            assert time.monotonic() - asked_s < 3
            time.sleep(1)
        them.confirmed()
        with bridge(brokers, tmp_path, groups=them.group):
            until(
                lambda: set(them.sent) <= set(chunks_in(brokers.connection, them.ids)),
                "what came meanwhile is in Kafka",
                timeout_s=20,
            )
        assert_nothing_lost(brokers, them, doubled_at_most=0)


@ON_EMBEDDED_MQTT
def test_with_kafka_gone_it_still_ends_within_three_seconds(
    brokers: Brokers, tmp_path: Path
) -> None:
    with (
        devices(brokers.mqtt, number=5) as them,
        bridge(brokers, tmp_path, groups=them.group) as part,
        loaded(them),
    ):
        brokers.kafka.send_signal(signal.SIGSTOP)
        try:
            time.sleep(1)
            asked_s = time.monotonic()
            part.send_signal(signal.SIGTERM)
            assert part.wait(10) == 0
            assert time.monotonic() - asked_s < 3
        finally:
            brokers.kafka.send_signal(signal.SIGCONT)


@ON_MOSQUITTO
def test_two_bridges_divide_the_groups(brokers: Brokers, tmp_path: Path) -> None:
    with (
        devices(brokers.mqtt, number=3) as ours,
        devices(brokers.mqtt, number=3) as theirs,
        bridge(brokers, tmp_path, groups=ours.group),
        bridge(brokers, tmp_path, groups=theirs.group),
    ):
        ours.send(10)
        theirs.send(10)
        until(ours.told_everything_is_stored, "ours are acked", timeout_s=10)
        until(theirs.told_everything_is_stored, "theirs are acked", timeout_s=10)

        assert chunks_in(brokers.connection, ours.ids) == ours.sent
        assert chunks_in(brokers.connection, theirs.ids) == theirs.sent


def test_a_group_handed_to_another_bridge_is_doubled_for_a_moment_only(
    roomy_mosquitto: Server, embedded_kafka: Server, tmp_path: Path
) -> None:
    brokers = with_topics(roomy_mosquitto, embedded_kafka)
    with devices(roomy_mosquitto, number=2) as kept, devices(roomy_mosquitto, number=2) as moved:
        both = f"{kept.group},{moved.group}"
        with bridge(brokers, tmp_path, groups=both, name=f"old-{kept.group}"):
            moved.send(2)
            until(moved.told_everything_is_stored, "the old bridge acks", timeout_s=10)
        with (
            bridge(brokers, tmp_path, groups=kept.group, name=f"old-{kept.group}"),
            bridge(brokers, tmp_path, groups=moved.group),
        ):
            moved.send(1)
            until(moved.told_everything_is_stored, "the new bridge acks", timeout_s=10)
            time.sleep(1)
            moved.send(10)
            until(moved.told_everything_is_stored, "the new bridge acks", timeout_s=10)

        found = chunks_in(brokers.connection, moved.ids)
        assert {number for (_, number), times in found.items() if times > 1} <= {2}


@pytest.fixture
def fragile_mosquitto(tmp_path: Path) -> Iterator[Server]:
    server = Mosquitto(tmp_path / "mosquitto", shipped_limits()).start()
    yield server
    server.stop()


@pytest.fixture
def narrow_kafka(apache_kafka: Server) -> Iterator[Server]:
    """Apache Kafka that takes less than 20 kB at a time."""
    kafka = load(KafkaConnection, {"servers": apache_kafka.address})
    apply_topics(kafka, partitions=4)
    _limit_record_bytes(kafka, 20_000)
    yield apache_kafka
    _limit_record_bytes(kafka, None)


@pytest.fixture
def fragile_kafka(tmp_path: Path) -> Iterator[Server]:
    server = ApacheKafka(tmp_path / "kafka").start()
    yield server
    server.stop()


@pytest.mark.slow
def test_it_comes_back_to_a_mosquitto_that_was_killed(
    fragile_mosquitto: Server, embedded_kafka: Server, tmp_path: Path
) -> None:
    brokers = with_topics(fragile_mosquitto, embedded_kafka)
    with (
        devices(fragile_mosquitto, number=3) as them,
        bridge(brokers, tmp_path, groups=them.group) as part,
    ):
        them.send(3)
        until(them.told_everything_is_stored, "the first chunks are acked", timeout_s=10)

        fragile_mosquitto.kill()
        time.sleep(2)
        fragile_mosquitto.start()
        until(lambda: _reconnects(brokers, them.group) > 0, "it has reconnected", timeout_s=20)

        them.send(3)
        until(them.told_everything_is_stored, "the later chunks are acked", timeout_s=20)
        assert part.is_running


@pytest.mark.slow
def test_a_killed_kafka_loses_nothing(
    fragile_mosquitto: Server, fragile_kafka: Server, tmp_path: Path
) -> None:
    brokers = with_topics(fragile_mosquitto, fragile_kafka)
    with (
        devices(fragile_mosquitto, number=10) as them,
        bridge(brokers, tmp_path, groups=them.group),
    ):
        with loaded(them):
            time.sleep(2)
            fragile_kafka.kill()
            time.sleep(3)
            fragile_kafka.start()
            time.sleep(3)
        until(them.told_everything_is_stored, "everything is acked", timeout_s=60)
        assert_nothing_lost(brokers, them, doubled_at_most=0)


def test_it_comes_back_to_a_kafka_that_has_forgotten_everything(
    roomy_mosquitto: Server, tmp_path: Path
) -> None:
    kafka = EmbeddedKafka(tmp_path / "kafka").start()
    try:
        brokers = with_topics(roomy_mosquitto, kafka)
        with (
            devices(roomy_mosquitto, number=5) as them,
            bridge(brokers, tmp_path, groups=them.group) as part,
        ):
            them.send(5)
            until(them.told_everything_is_stored, "the first chunks are acked", timeout_s=10)

            kafka.kill()
            them.send(5)
            kafka.start()
            time.sleep(2)
            with_topics(roomy_mosquitto, kafka)
            until(them.told_everything_is_stored, "the later chunks are acked", timeout_s=60)

            assert part.is_running
            assert {number for _, number in chunks_in(brokers.connection, them.ids)} >= {
                *range(5, 10)
            }
    finally:
        kafka.stop()


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_a_minute_of_a_hundred_devices_waits_in_mosquittos_queue(
    fragile_mosquitto: Server, embedded_kafka: Server, tmp_path: Path, seconds: int
) -> None:
    brokers = with_topics(fragile_mosquitto, embedded_kafka)
    group = f"minute-{seconds}"
    with chunk_load(fragile_mosquitto, devices=100, group=group) as a_hundred:
        with bridge(brokers, tmp_path, groups=group) as part:
            part.kill()
            a_hundred.run(seconds, per_s=6000 // seconds)
        with bridge(brokers, tmp_path, groups=group):
            ids = [a_hundred.device_id(number) for number in range(100)]
            until(
                lambda: len(chunks_in(brokers.connection, ids)) == 6000,
                "all of it is in Kafka",
                timeout_s=30,
            )


def test_a_chunk_too_large_for_kafka_becomes_a_dead_letter_and_its_neighbours_do_not(
    roomy_mosquitto: Server, narrow_kafka: Server, tmp_path: Path
) -> None:
    brokers = with_topics(roomy_mosquitto, narrow_kafka)
    with (
        devices(roomy_mosquitto, number=5) as them,
        bridge(brokers, tmp_path, groups=them.group),
    ):
        them.send(5)
        large = encode(
            AudioChunk(
                boot_id=2,
                seq=0,
                first_sample=0,
                kept_from_sample=0,
                captured_at_us=time.time_ns() // 1000,
                sample_rate_hz=16_000,
                samples=bytes(48_000),
            )
        )
        them.publish(them.ids[0], large)
        them.send(5)
        until(them.told_everything_is_stored, "all others are acked", timeout_s=30)

        found = kafka_log.records(brokers.connection, DEAD_LETTERS, records.DeadLetter)
        (letter,) = (each for each in found if f"/{them.group}/" in each.topic)
    assert letter.payload == large
    assert "Kafka refused it" in letter.reason
    assert set(them.sent) <= set(chunks_in(brokers.connection, them.ids))


def _reconnects(brokers: Brokers, instance: str) -> float:
    beats = kafka_log.records(brokers.connection, HEARTBEATS, records.Heartbeat)
    return max(b.counters["mqtt_reconnects"] for b in beats if b.instance == instance)


def _limit_record_bytes(kafka: KafkaConnection, limit: int | None) -> None:
    """None goes back to the default."""
    operation = AlterConfigOpType.DELETE if limit is None else AlterConfigOpType.SET
    value = None if limit is None else str(limit)
    entry = ConfigEntry("max.message.bytes", value, incremental_operation=operation)
    resource = ConfigResource(ConfigResource.Type.TOPIC, AUDIO.name, incremental_configs=[entry])
    admin = AdminClient(kafka.confluent())
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(10)
