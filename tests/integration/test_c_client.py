"""The reference client, built as its Makefile does, loses nothing and keeps every rule."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
import paho.mqtt.client as paho
import pytest
import soundfile
from paho.mqtt.enums import CallbackAPIVersion

from deploy.embedded import LOOPBACK
from ingest.chunk import (
    AudioChunk,
    DeviceAck,
    DeviceStatus,
    DeviceTopic,
    Lane,
    decode_chunk,
    encode,
    pcm,
)
from ingest.connections import MqttConnection, load
from ingest.device_check import DeviceCheck, Outcome
from ingest.device_findings import Verdict
from ingest.device_watch import run_check, watch
from ingest.positions import StoredPosition
from models.errors import UserError
from tests.servers import ROOT, EmbeddedMqtt, Mosquitto, Server, missing

WEARABLE = ROOT / "ingest" / "wearable"
RECORDINGS = ROOT / "ingest" / "recordings"
RATE_HZ = 2000
NO_SETTINGS: Mapping[str, str] = {}

Samples = npt.NDArray[np.int16]


def build(folder: Path, *flags: str) -> Path:
    """Compile the client as for a product, but with every memory error fatal."""
    if shutil.which("gcc") is None or not Path("/usr/include/mosquitto.h").exists():
        missing("libmosquitto", "apt-get install gcc make libmosquitto-dev")
    for source in WEARABLE.iterdir():
        shutil.copy(source, folder)
    options = {
        "CC": "gcc",
        "CFLAGS": "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all",
        "FLAGS": " ".join(flags),
    }
    command = ["make", "-C", str(folder), *(f"{name}={value}" for name, value in options.items())]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "example"


def recording(seconds: float) -> Samples:
    """Real heart sounds, one recording after the other."""
    files = sorted(RECORDINGS.glob("*.flac"))
    sounds = [soundfile.read(file, dtype="int16")[0] for file in files]
    return np.concatenate(sounds)[: int(seconds * RATE_HZ)]


class ScriptedBridge:
    """Stores what comes, acknowledges at once, and misbehaves when told to."""

    def __init__(self, port: int) -> None:
        self.acknowledging = True
        self.to_lose: set[int] = set()
        self.heard: list[tuple[Lane, AudioChunk]] = []
        self.samples: dict[int, Samples] = {}
        self._stored: StoredPosition | None = None
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="bridge", protocol=paho.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("pcg/v1/+/+/+", qos=1)
        self._client.on_message = lambda _client, _data, message: self._take(message)
        self._client.connect(LOOPBACK, port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def stored_to(self) -> int:
        return self._stored.stored_to if self._stored else 0

    def live_again(self) -> int:
        """Chunks that came on the live lane more than once."""
        live = [chunk.seq for lane, chunk in self.heard if lane is Lane.AUDIO]
        return len(live) - len(set(live))

    def stored_samples(self) -> Samples:
        return np.concatenate([self.samples[first] for first in sorted(self.samples)])

    def _take(self, message: paho.MQTTMessage) -> None:
        topic = DeviceTopic.parse(message.topic)
        if topic.lane not in {Lane.AUDIO, Lane.HISTORY}:
            return
        chunk = decode_chunk(bytes(message.payload))
        if chunk.seq in self.to_lose:
            self.to_lose.remove(chunk.seq)
            return
        self.heard.append((topic.lane, chunk))
        self._store(chunk)
        if self.acknowledging:
            ack = DeviceAck(
                boot_id=chunk.boot_id,
                stored_to_sample=self.stored_to,
                bridge_time_us=time.time_ns() // 1000,
            )
            self._client.publish(str(topic._replace(lane=Lane.ACK)), encode(ack), qos=0)

    def _store(self, chunk: AudioChunk) -> None:
        samples = pcm(chunk)
        before = self.samples.setdefault(chunk.first_sample, samples)
        np.testing.assert_array_equal(before, samples)
        if self._stored is None:
            self._stored = StoredPosition(chunk.kept_from_sample)
        end = chunk.first_sample + len(samples)
        self._stored.add(chunk.first_sample, end, chunk.kept_from_sample)


@contextmanager
def client(
    program: Path, sound: Samples, port: int, settings: Mapping[str, str] = NO_SETTINGS
) -> Iterator[subprocess.Popen[str]]:
    file = program.with_name("sound.raw")
    file.write_bytes(sound.astype("<i2").tobytes())
    command = [str(program), "ward", "stethoscope-1", str(file)]
    broker = {"HEARTWARD_MQTT_HOST": LOOPBACK, "HEARTWARD_MQTT_PORT": str(port), **settings}
    with subprocess.Popen(
        command,
        env=os.environ | broker,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def watched(port: int, seconds: float) -> Iterator[list[DeviceCheck]]:
    """The check, in the list once the block is left."""
    connection = load(MqttConnection, {"host": LOOPBACK, "port": port})
    checks: list[DeviceCheck] = []
    thread = threading.Thread(
        target=lambda: checks.append(watch("stethoscope-1", connection, seconds))
    )
    thread.start()
    try:
        yield checks
    finally:
        thread.join()


def wait_for(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"no {what} in {timeout_s} s"
        time.sleep(0.05)


def live_through_everything(bridge: ScriptedBridge, broker: Server, outage_s: float) -> None:
    bridge.to_lose = {4}
    wait_for(lambda: bridge.stored_to >= 5 * RATE_HZ, timeout_s=20, what="filled hole")
    assert (Lane.HISTORY, 4) in {(lane, chunk.seq) for lane, chunk in bridge.heard}

    bridge.acknowledging = False
    before = bridge.live_again()
    wait_for(lambda: bridge.live_again() > before, timeout_s=15, what="resending after silence")
    bridge.acknowledging = True

    broker.kill()
    time.sleep(outage_s)
    broker.start()


def run_through_everything(
    program: Path, broker: Server, *, seconds: float, outage_s: float
) -> DeviceCheck:
    """Return the check of a client that was disturbed in every way and yet lost nothing."""
    sound = recording(seconds)
    broker.start()
    try:
        with (
            ScriptedBridge(broker.port) as bridge,
            watched(broker.port, seconds + 8) as checks,
            client(program, sound, broker.port) as process,
        ):
            live_through_everything(bridge, broker, outage_s)
            said, _ = process.communicate(timeout=seconds)
    finally:
        broker.stop()
    assert said.endswith("all stored\n"), said
    assert process.returncode == 0, said
    whole_chunks = len(sound) // RATE_HZ * RATE_HZ
    assert bridge.stored_to == whole_chunks
    np.testing.assert_array_equal(bridge.stored_samples(), sound[:whole_chunks])
    return checks[0]


def verdicts(check: DeviceCheck) -> dict[str, Verdict]:
    report = check.report(time.time_ns() // 1000)
    broken = [finding for finding in report if finding.verdict is Verdict.BROKEN]
    assert broken == []
    return {finding.rule: finding.verdict for finding in report}


@pytest.mark.parametrize("kind", [EmbeddedMqtt, Mosquitto])
def test_it_loses_nothing_and_breaks_no_rule_whatever_happens(
    kind: type[Server], tmp_path: Path
) -> None:
    program = build(tmp_path, "-DHW_LIVE_S=8")
    broker = kind(tmp_path / "broker")
    shown = verdicts(run_through_everything(program, broker, seconds=40, outage_s=9))
    not_shown = {rule for rule, verdict in shown.items() if verdict is Verdict.NOT_SHOWN}
    # Only Mosquitto tells a subscriber the sender's own QoS.
    unseen_here = {"QoS 1"} if kind is EmbeddedMqtt else set()
    by_chance = {"old sound goes as history"}
    assert not_shown - by_chance == {"power-up counts from 0"} | unseen_here


@pytest.mark.slow
def test_sound_older_than_half_a_minute_goes_as_history(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    program = build(tmp_path)
    shown = verdicts(run_through_everything(program, broker, seconds=90, outage_s=40))
    assert shown["old sound goes as history"] is Verdict.KEPT


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


def test_it_proves_who_it_is_over_tls(tmp_path: Path) -> None:
    program = build(tmp_path)
    broker = guarded_broker(tmp_path, "stethoscope-1", "correct-horse")
    settings = {
        "HEARTWARD_MQTT_CA_FILE": str(tmp_path / "cert.pem"),
        "HEARTWARD_MQTT_USER": "stethoscope-1",
        "HEARTWARD_MQTT_PASSWORD": "correct-horse",
    }
    flags = {"host": LOOPBACK, "port": broker.port, "tls": True, "ca_file": tmp_path / "cert.pem"}
    watcher = {"user": "stethoscope-1", "password": "correct-horse"}
    broker.start()
    try:
        with client(program, recording(20), broker.port, settings):
            check = watch("stethoscope-1", load(MqttConnection, flags | watcher), 4)
        assert check.heard
        assert check.outcome(time.time_ns() // 1000) is Outcome.KEPT
        with pytest.raises(UserError, match="refuses us: Not authorized"):
            watch("stethoscope-1", load(MqttConnection, flags | watcher | {"password": "no"}), 2)
        wrong = settings | {"HEARTWARD_MQTT_PASSWORD": "wrong"}
        with client(program, recording(1), broker.port, wrong) as refused:
            assert refused.stdout is not None
            assert "Not authorized" in refused.stdout.readline()
    finally:
        broker.stop()


def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = load(MqttConnection, {"host": LOOPBACK, "port": Mosquitto(tmp_path).port})
    with pytest.raises(UserError, match=f"MQTT broker {nowhere.address} cannot be reached"):
        run_check("stethoscope-1", nowhere, 1)


def test_a_device_that_is_not_heard_is_told_what_to_look_at(
    mosquitto: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = load(MqttConnection, {"host": LOOPBACK, "port": mosquitto.port})
    assert run_check("nobody", connection, 0.6) == Outcome.NOT_HEARD
    said = capsys.readouterr().err
    assert said.startswith(f"nothing heard of nobody on {connection.address}")
    assert said.count("\n") == 1


def test_an_impossible_id_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match="'bed 4' is no device id"):
        run_check("bed 4", load(MqttConnection), 1)


def test_it_sets_its_clock_by_the_bridge(tmp_path: Path, mosquitto: Server) -> None:
    """The bridge's word counts, right or wrong: here it is an hour ahead."""
    program = build(tmp_path)
    hour_us = 3600 * 1_000_000
    captured_us: list[int] = []
    with client(program, recording(30), mosquitto.port):
        captured_us += clock_after_ack(mosquitto.port, ahead_us=hour_us)
    assert abs(captured_us[0] - time.time_ns() // 1000) < 60 * 1_000_000
    assert 0 <= captured_us[-1] - captured_us[0] - hour_us < 10 * 1_000_000


def clock_after_ack(port: int, *, ahead_us: int) -> list[int]:
    """captured_at_us of the chunks of one device, the first of which is acknowledged."""
    captured_us: list[int] = []

    def take(client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        chunk = decode_chunk(bytes(message.payload))
        captured_us.append(chunk.captured_at_us)
        ack = DeviceAck(
            boot_id=chunk.boot_id,
            stored_to_sample=0,
            bridge_time_us=time.time_ns() // 1000 + ahead_us,
        )
        client.publish(message.topic.replace("/audio", "/ack"), encode(ack))

    listener = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    listener.on_message = take
    listener.connect(LOOPBACK, port)
    listener.subscribe("pcg/v1/ward/stethoscope-1/audio", qos=1)
    listener.loop_start()
    try:
        wait_for(lambda: len(captured_us) >= 4, timeout_s=15, what="sound")
    finally:
        listener.disconnect()
        listener.loop_stop()
    return captured_us


class CarelessDevice:
    """Breaks every rule that can be broken within seconds."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="careless", protocol=paho.MQTTv5
        )
        self._client.connect(LOOPBACK, port)
        self._good = AudioChunk(
            boot_id=1,
            seq=0,
            first_sample=0,
            kept_from_sample=0,
            captured_at_us=time.time_ns() // 1000,
            sample_rate_hz=RATE_HZ,
            samples=bytes(2 * RATE_HZ),
        )

    def send(self, topic: str = "audio", *, qos: int = 1, retain: bool = False, **c: Any) -> None:
        chunk = msgspec.structs.replace(self._good, **c)
        self._client.publish(f"pcg/v1/ward/careless/{topic}", encode(chunk), qos, retain)

    def misbehave(self) -> None:
        self._client.loop_start()
        stored = DeviceAck(boot_id=1, stored_to_sample=0, bridge_time_us=time.time_ns() // 1000)
        self.send()
        self._client.publish("pcg/v1/ward/careless/ack", encode(stored))
        self.send(seq=1, first_sample=1600, samples=bytes(range(200)) * 20)
        self.send(seq=1, first_sample=1600)
        self.send(seq=2, first_sample=5600, kept_from_sample=5600)
        self.send(seq=3, first_sample=9600, sample_rate_hz=4000, captured_at_us=5)
        self.send(seq=4, first_sample=17600, captured_at_us=time.time_ns() // 1000)
        self.send(seq=5, first_sample=19600, captured_at_us=5)
        self.send(seq=6, first_sample=21600, samples=bytes(40))
        self.send("sound")
        self.send(v=9)
        self.send(boot_id=2, seq=7, first_sample=90000, qos=0)
        self.send(retain=True)
        for battery in (0.9, 0.1):
            status = DeviceStatus(state="online", boot_id=3, at_us=0, battery_fraction=battery)
            self._client.publish("pcg/v1/ward/careless/status", encode(status), 1, retain=True)
        self.send(boot_id=2, seq=8, first_sample=92000)
        time.sleep(1)
        self._client.disconnect()
        self._client.loop_stop()


BROKEN_BY_CARELESSNESS = {
    "topic and id",
    "payload and version",
    "chunk of 0.25 to 2 s",
    "QoS 1",
    "audio is not retained",
    "positions without a hole",
    "sample rate",
    "captured_at_us",
    "status is retained",
    "battery",
    "power-up counts from 0",
    "kept_from_sample",
    "sent again is the same",
}


def test_the_check_names_every_rule_that_a_careless_device_breaks(
    mosquitto: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    device = CarelessDevice(mosquitto.port)
    timer = threading.Timer(1.0, device.misbehave)
    timer.start()
    connection = load(MqttConnection, {"host": LOOPBACK, "port": mosquitto.port})
    code = run_check("careless", connection, 4, as_json=True)
    timer.join()
    report = json.loads(capsys.readouterr().out)
    assert code == Outcome.BROKEN
    assert report["outcome"] == "BROKEN"
    broken = {rule["rule"] for rule in report["rules"] if rule["verdict"] == "broken"}
    assert broken == BROKEN_BY_CARELESSNESS
