"""The reference client loses nothing and keeps every rule, whatever happens around it."""

import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from deploy.embedded import LOOPBACK
from ingest.chunk import AudioChunk, DeviceAck, DeviceTopic, Lane, decode_chunk, encode, pcm
from ingest.connections import MqttConnection, load
from ingest.device_check import DeviceCheck, Outcome
from ingest.device_findings import Verdict
from ingest.device_watch import watch
from models.errors import UserError
from stream_processors.topics import AUDIO, AUDIO_HISTORY
from tests import kafka_log
from tests.integration.bridges import ON_EMBEDDED_MQTT, Brokers, bridge, start
from tests.integration.c_client import (
    DEVICE,
    RATE_HZ,
    build,
    recording,
    running,
    says_all_is_stored,
    whole_chunks,
)
from tests.integration.scripted_bridge import ScriptedBridge
from tests.servers import EmbeddedMqtt, Mosquitto, Server, missing
from tests.waiting import until


class ContraryBridge(ScriptedBridge):
    """It never gets to see the chunks that it is told to lose, each of them once."""

    def __init__(self, port: int, *, lose: set[int]) -> None:
        self._to_lose = lose
        self.heard: list[tuple[Lane, AudioChunk]] = []
        super().__init__(port)

    @property
    def stored_to(self) -> int:
        return sum(len(self.sound(boot)) for boot in self.boots())

    def sent_again_live(self) -> int:
        live = [chunk.seq for lane, chunk in self.heard if lane is Lane.AUDIO]
        return len(live) - len(set(live))

    def _store(self, client: object, data: object, message: paho.MQTTMessage) -> None:
        lane = DeviceTopic.parse(message.topic).lane
        if lane in {Lane.AUDIO, Lane.HISTORY}:
            chunk = decode_chunk(bytes(message.payload))
            if chunk.seq in self._to_lose:
                self._to_lose.remove(chunk.seq)
                return
            self.heard.append((lane, chunk))
        super()._store(client, data, message)


@contextmanager
def watched(port: int, seconds: float) -> Iterator[list[DeviceCheck]]:
    """The check, in the list once the block is left."""
    connection = load(MqttConnection, {"host": LOOPBACK, "port": port})
    checks: list[DeviceCheck] = []
    thread = threading.Thread(target=lambda: checks.append(watch(DEVICE, connection, seconds)))
    thread.start()
    try:
        yield checks
    finally:
        thread.join()


def live_through_everything(bridge: ContraryBridge, broker: Server, outage_s: float) -> None:
    until(lambda: bridge.stored_to >= 5 * RATE_HZ, "the hole is filled", timeout_s=20)
    assert (Lane.HISTORY, 4) in {(lane, chunk.seq) for lane, chunk in bridge.heard}

    bridge.acknowledging = False
    before = bridge.sent_again_live()
    until(lambda: bridge.sent_again_live() > before, "sent again after silence", timeout_s=15)
    bridge.acknowledging = True

    broker.kill()
    time.sleep(outage_s)
    broker.start()


def check_through_everything(
    program: Path, broker: Server, *, seconds: float, outage_s: float
) -> dict[str, Verdict]:
    """What a check shows of a client that was disturbed in every way and yet lost nothing."""
    sound = recording(seconds)
    broker.start()
    try:
        with (
            ContraryBridge(broker.port, lose={4}) as bridge,
            watched(broker.port, seconds + 8) as checks,
            running(program, sound, broker.port) as client,
        ):
            live_through_everything(bridge, broker, outage_s)
            says_all_is_stored(client, timeout_s=seconds)
    finally:
        broker.stop()
    (boot,) = bridge.boots()
    np.testing.assert_array_equal(bridge.sound(boot), whole_chunks(sound))
    report = checks[0].report(time.time_ns() // 1000)
    assert [finding for finding in report if finding.verdict is Verdict.BROKEN] == []
    return {finding.rule: finding.verdict for finding in report}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("client"))


@pytest.mark.parametrize("kind", [Mosquitto, pytest.param(EmbeddedMqtt, marks=pytest.mark.slow)])
def test_it_loses_nothing_and_breaks_no_rule_whatever_happens(
    kind: type[Server], tmp_path: Path
) -> None:
    program = build(tmp_path, "-DHW_LIVE_S=8")
    broker = kind(tmp_path / "broker")
    shown = check_through_everything(program, broker, seconds=40, outage_s=9)
    not_shown = {rule for rule, verdict in shown.items() if verdict is Verdict.NOT_SHOWN}
    # Only Mosquitto tells a subscriber the sender's own QoS.
    unseen_here = {"QoS 1"} if kind is EmbeddedMqtt else set()
    by_chance = {"old sound goes as history", "sample rate"}
    assert not_shown - by_chance == {"power-up counts from 0"} | unseen_here


@pytest.mark.slow
def test_sound_older_than_half_a_minute_goes_as_history(program: Path, tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    shown = check_through_everything(program, broker, seconds=110, outage_s=40)
    assert shown["old sound goes as history"] is Verdict.KEPT


@ON_EMBEDDED_MQTT
def test_kafka_holds_every_sample_though_the_bridge_was_killed(
    brokers: Brokers, program: Path, tmp_path: Path
) -> None:
    sound = recording(18)
    group = f"g-{uuid.uuid4().hex[:8]}"
    with (
        bridge(brokers, tmp_path / "bridge", groups=group) as part,
        running(program, sound, brokers.mqtt.port, device_id=group, group=group) as client,
    ):
        time.sleep(3)
        part.kill()
        time.sleep(11)  # the client sends again after 10 s without an ack
        start(part)
        says_all_is_stored(client, timeout_s=30)
    chunks = [
        decode_chunk(entry.value)
        for topic in (AUDIO, AUDIO_HISTORY)
        for entry in kafka_log.entries(brokers.connection, topic)
        if entry.key == group.encode()
    ]
    stored = {chunk.first_sample: pcm(chunk) for chunk in chunks}
    in_kafka = np.concatenate([stored[first] for first in sorted(stored)])
    np.testing.assert_array_equal(in_kafka, whole_chunks(sound))


def guarded_broker(folder: Path, user: str, password: str) -> Mosquitto:
    """A Mosquitto that speaks TLS and lets one user in; its certificate is `folder`/cert.pem."""
    for program in ("openssl", "mosquitto_passwd"):
        if shutil.which(program) is None:
            missing(program, "apt-get install openssl mosquitto")
    certificate, key, passwords = (folder / name for name in ("cert.pem", "key.pem", "passwords"))
    issue = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN={LOOPBACK} -days 2"
    options = ["-addext", f"subjectAltName=IP:{LOOPBACK}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*issue.split(), *options, *files], check=True, capture_output=True)
    add_user = ["mosquitto_passwd", "-c", "-b", str(passwords), user, password]
    subprocess.run(add_user, check=True, capture_output=True)
    settings = f"certfile {certificate}\nkeyfile {key}\npassword_file {passwords}\n"
    # Started by root it would change its user, and could not read the folder of a test.
    return Mosquitto(folder / "broker", settings + "allow_anonymous false\nuser root")


def test_it_proves_who_it_is_over_tls(program: Path, tmp_path: Path) -> None:
    broker = guarded_broker(tmp_path, DEVICE, "correct-horse")
    settings = {
        "HEARTWARD_MQTT_CA_FILE": str(tmp_path / "cert.pem"),
        "HEARTWARD_MQTT_USER": DEVICE,
        "HEARTWARD_MQTT_PASSWORD": "correct-horse",
    }
    flags = {"host": LOOPBACK, "port": broker.port, "tls": True, "ca_file": tmp_path / "cert.pem"}
    watcher = {"user": DEVICE, "password": "correct-horse"}
    broker.start()
    try:
        with running(program, recording(20), broker.port, settings):
            check = watch(DEVICE, load(MqttConnection, flags | watcher), 4)
        assert check.heard
        assert check.outcome(time.time_ns() // 1000) is Outcome.KEPT
        with pytest.raises(UserError, match=r"refuses user .* \(Not authorized\): check HEARTWARD"):
            watch(DEVICE, load(MqttConnection, flags | watcher | {"password": "no"}), 2)
        wrong = settings | {"HEARTWARD_MQTT_PASSWORD": "wrong"}
        with running(program, recording(1), broker.port, wrong) as refused:
            assert refused.stdout is not None
            said = refused.stdout.readline()
        assert said.startswith(f"MQTT broker {LOOPBACK}:{broker.port}: ")
        assert "Not authorized" in said
    finally:
        broker.stop()


def test_a_recording_that_is_not_there_is_named(program: Path) -> None:
    ended = subprocess.run(
        [program, "ward", DEVICE, "/nowhere/heart.pcm"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr == "/nowhere/heart.pcm cannot be read: No such file or directory\n"


@pytest.mark.parametrize("names", [("ward", "bed 7"), ("a/b", DEVICE), ("ward", 65 * "x")])
def test_an_id_that_the_bridge_would_refuse_is_refused_at_once(
    names: tuple[str, str], program: Path
) -> None:
    ended = subprocess.run(
        [program, *names], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{names[0]}, {names[1]}: group and device id are 1 to 64 ")


def test_it_sets_its_clock_by_the_bridge(program: Path, mosquitto: Server) -> None:
    """The bridge's word counts, right or wrong: here it is an hour ahead."""
    hour_us = 3600 * 1_000_000
    with running(program, recording(30), mosquitto.port):
        captured_us = clock_while_acknowledged(mosquitto.port, ahead_us=hour_us)
    assert abs(captured_us[0] - time.time_ns() // 1000) < 60 * 1_000_000
    assert 0 <= captured_us[-1] - captured_us[0] - hour_us < 10 * 1_000_000


def clock_while_acknowledged(port: int, *, ahead_us: int) -> list[int]:
    """captured_at_us of the next chunks, each answered by an ack whose clock is wrong."""
    captured_us: list[int] = []

    def answer(client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        chunk = decode_chunk(bytes(message.payload))
        captured_us.append(chunk.captured_at_us)
        bridge_time_us = time.time_ns() // 1000 + ahead_us
        ack = DeviceAck(boot_id=chunk.boot_id, stored_to_sample=0, bridge_time_us=bridge_time_us)
        client.publish(message.topic.replace("/audio", "/ack"), encode(ack))

    listener = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    listener.on_message = answer
    listener.connect(LOOPBACK, port)
    listener.subscribe(f"pcg/v1/+/{DEVICE}/audio", qos=1)
    listener.loop_start()
    try:
        until(lambda: len(captured_us) >= 4, "four chunks came", timeout_s=15)
    finally:
        listener.disconnect()
        listener.loop_stop()
    return captured_us
