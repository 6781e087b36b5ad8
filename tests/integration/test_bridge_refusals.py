"""Bad input is kept with its reason and stalls nothing; bad settings get one line."""

import getpass
import random
import shutil
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec
import pytest

from deploy.embedded import free_port
from ingest.chunk import MAX_PAYLOAD_BYTES
from stream_processors import records
from stream_processors.topics import DEAD_LETTERS
from tests import kafka_log
from tests.integration.bridges import ON_MOSQUITTO, Brokers, bridge, complaint, with_topics
from tests.integration.devices import Devices, chunks_in, devices
from tests.processes import addresses
from tests.servers import EmbeddedKafka, Mosquitto, Server, missing
from tests.waiting import until

BAD_MESSAGES = 3000


def test_each_bad_message_is_kept_with_its_reason_and_good_ones_pass(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt) as them, bridge(brokers, tmp_path, groups=them.group):
        (device,) = them.ids
        good = them.chunk(device, 0)
        bad = {
            f"pcg/v1/{them.group}/{device}/audio": [b"garbage", b"", good[:-1]],
            f"pcg/v1/{them.group}/{device}/audio-history": [_with(good, v=2)],
            f"pcg/v1/{them.group}/{device}/status": [b"\x80"],
            f"pcg/v1/{them.group}/no such id/audio": [good],
        }
        for topic, payloads in bad.items():
            for payload in payloads:
                them.publish_to(topic, payload)
        them.send(3)
        until(them.told_everything_is_stored, "the good chunks are acked", timeout_s=10)
        letters = _letters(brokers, them)

    assert sorted(letter.payload for letter in letters) == sorted(chain(*bad.values()))
    reasons = " | ".join(letter.reason for letter in letters)
    assert "wire version 2" in reasons
    assert "is not pcg/v1/GROUP/DEVICE/LANE" in reasons
    assert {letter.device_id for letter in letters} == {device, None}


@ON_MOSQUITTO
def test_a_flood_of_fuzzed_payloads_stalls_nothing(brokers: Brokers, tmp_path: Path) -> None:
    random_ = random.Random(1)  # noqa: S311 (a fuzzer must repeat itself)
    with devices(brokers.mqtt, number=2) as them, bridge(brokers, tmp_path, groups=them.group):
        good = them.chunk(them.ids[0], 0)
        for number in range(BAD_MESSAGES):
            them.publish(them.ids[0], _spoilt(random_, good))
            if number % 100 == 0:
                them.send()
        them.confirmed()
        until(them.told_everything_is_stored, "the good chunks are acked", timeout_s=30)
        found = chunks_in(brokers.connection, them.ids)
        letters = _letters(brokers, them)

    assert them.sent == found
    assert len(letters) == BAD_MESSAGES


def test_what_is_too_large_for_the_wire_is_refused_by_the_bridge_or_the_broker(
    roomy_mosquitto: Server, embedded_kafka: Server, tmp_path: Path
) -> None:
    brokers = with_topics(roomy_mosquitto, embedded_kafka)
    with devices(roomy_mosquitto) as them, bridge(brokers, tmp_path, groups=them.group):
        them.publish(them.ids[0], bytes(MAX_PAYLOAD_BYTES + 1))
        them.send(1)
        until(them.told_everything_is_stored, "the good chunk is acked", timeout_s=10)
        (letter,) = _letters(brokers, them)

    assert len(letter.payload) == MAX_PAYLOAD_BYTES
    assert f"of {MAX_PAYLOAD_BYTES + 1} bytes" in letter.reason


def test_brokers_that_are_not_there_get_one_line(embedded_kafka: Server) -> None:
    nobody = free_port()
    there = with_topics(embedded_kafka, embedded_kafka).environment

    no_kafka = complaint(there | {"HEARTWARD_KAFKA_SERVERS": f"127.0.0.1:{nobody}"})
    no_mqtt = complaint(there | {"HEARTWARD_MQTT_PORT": str(nobody)})

    assert f"Kafka 127.0.0.1:{nobody} cannot be used" in no_kafka
    assert "HEARTWARD_KAFKA_SERVERS" in no_kafka
    assert f"MQTT broker 127.0.0.1:{nobody} cannot be used" in no_mqtt
    assert "HEARTWARD_MQTT_HOST" in no_mqtt


def test_tls_against_brokers_without_it_gets_one_line_that_says_so(
    embedded_mqtt: Server, mosquitto: Server, embedded_kafka: Server
) -> None:
    for mqtt in (embedded_mqtt, mosquitto):
        there = with_topics(mqtt, embedded_kafka).environment
        assert "check HEARTWARD_MQTT_TLS" in complaint(there | {"HEARTWARD_MQTT_TLS": "true"})
    assert "check HEARTWARD_KAFKA_TLS" in complaint(there | {"HEARTWARD_KAFKA_TLS": "true"})


def test_of_two_bridges_of_one_name_the_later_goes_and_the_first_carries_on(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt) as them, bridge(brokers, tmp_path, groups=them.group) as first:
        second = brokers.part(tmp_path / "second", groups=them.group, name=them.group)
        try:
            second.start()
            assert second.wait(40) == 1
        finally:
            second.stop()
        last_line = second.log.read_text().splitlines()[-1]
        assert f"another bridge named {them.group} runs already" in last_line
        assert f"(process {first.pid})" in last_line
        them.send(3)
        until(them.told_everything_is_stored, "the chunks are acked", timeout_s=20)


def test_missing_topics_get_one_line(mosquitto: Server, tmp_path: Path) -> None:
    empty = EmbeddedKafka(tmp_path).start()
    try:
        line = complaint(addresses(mosquitto, empty))
    finally:
        empty.stop()

    assert "lacks the topics pcg.audio, pcg.audio-history" in line
    assert "heartward topics apply" in line


def test_nonsense_in_the_settings_gets_one_line() -> None:
    assert "HEARTWARD_BRIDGE_NAME" in complaint({"HEARTWARD_BRIDGE_NAME": "no/name"})


@pytest.fixture
def guarded_mosquitto(tmp_path: Path) -> Iterator[Server]:
    program = shutil.which("mosquitto_passwd") or missing(
        "mosquitto_passwd", "apt-get install mosquitto"
    )
    passwords = tmp_path / "passwords"
    passwords.touch()
    subprocess.run([program, "-b", str(passwords), "bridge", "right"], check=True)
    settings = f"user {getpass.getuser()}\nallow_anonymous false\npassword_file {passwords}"
    server = Mosquitto(tmp_path / "mosquitto", settings)
    yield server.start()
    server.stop()


def test_a_wrong_password_gets_one_line_that_does_not_say_it(
    guarded_mosquitto: Server, embedded_kafka: Server
) -> None:
    brokers = with_topics(guarded_mosquitto, embedded_kafka)
    user = {"HEARTWARD_MQTT_USER": "bridge", "HEARTWARD_MQTT_PASSWORD": "wrong-one"}

    line = complaint(brokers.environment | user)

    assert "refuses user 'bridge'" in line
    assert "HEARTWARD_MQTT_USER" in line
    assert "wrong-one" not in line


def _letters(brokers: Brokers, them: Devices) -> list[records.DeadLetter]:
    letters = kafka_log.records(brokers.connection, DEAD_LETTERS, records.DeadLetter)
    return [letter for letter in letters if f"/{them.group}/" in letter.topic]


def _with(payload: bytes, **fields: object) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.decode(payload) | fields)


def _spoilt(random_: random.Random, good: bytes) -> bytes:
    """Surely bad: random bytes, a payload cut short, or one with an impossible field."""
    kind = random_.randrange(3)
    if kind == 0:
        return b"\xc1" + random_.randbytes(random_.randrange(300))
    if kind == 1:
        return good[: random_.randrange(len(good))]
    field = random_.choice(["boot_id", "seq", "first_sample", "sample_rate_hz"])
    return _with(good, **{field: random_.choice([None, -1, 1e300, "x", [], 2**60])})
