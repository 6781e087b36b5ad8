"""A check over a real broker: it names what a careless device does, and helps its user on."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from deploy.embedded import LOOPBACK
from ingest.chunk import AudioChunk, DeviceAck, DeviceStatus, encode
from ingest.connections import MqttConnection, load
from ingest.device_check import Outcome
from ingest.device_watch import run_check
from models.errors import UserError
from tests.servers import Mosquitto, Server

RATE_HZ = 2000


def connection(port: int) -> MqttConnection:
    return load(MqttConnection, {"host": LOOPBACK, "port": port})


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
            captured_at_us=_now_us(),
            sample_rate_hz=RATE_HZ,
            samples=bytes(2 * RATE_HZ),
        )

    def misbehave(self) -> None:
        self._client.loop_start()
        self._send()
        self._publish("ack", DeviceAck(boot_id=1, stored_to_sample=0, bridge_time_us=_now_us()))
        self._send(seq=1, first_sample=1600, samples=bytes(range(200)) * 20)
        self._send(seq=1, first_sample=1600)
        self._send(seq=2, first_sample=5600, kept_from_sample=5600)
        self._send(seq=3, first_sample=9600, sample_rate_hz=4000, captured_at_us=5)
        self._send(seq=4, first_sample=17600)
        self._send(seq=5, first_sample=19600, captured_at_us=5)
        self._send(seq=6, first_sample=21600, samples=bytes(40))
        self._send("sound")
        self._send(v=9)
        self._send(boot_id=2, seq=7, first_sample=90000, qos=0)
        self._send(retain=True)
        for battery in (0.9, 0.1):
            status = DeviceStatus(state="online", boot_id=3, at_us=0, battery_fraction=battery)
            self._publish("status", status, retain=True)
        self._send(boot_id=2, seq=8, first_sample=92000)
        time.sleep(1)
        self._client.disconnect()
        self._client.loop_stop()

    def _send(
        self, lane: str = "audio", *, qos: int = 1, retain: bool = False, **changes: Any
    ) -> None:
        chunk = msgspec.structs.replace(self._good, **changes)
        self._publish(lane, chunk, qos=qos, retain=retain)

    def _publish(
        self,
        lane: str,
        message: AudioChunk | DeviceStatus | DeviceAck,
        *,
        qos: int = 1,
        retain: bool = False,
    ) -> None:
        self._client.publish(f"pcg/v1/ward/careless/{lane}", encode(message), qos, retain)


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


def test_every_rule_that_a_careless_device_breaks_is_named(
    mosquitto: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    device = CarelessDevice(mosquitto.port)
    timer = threading.Timer(1.0, device.misbehave)
    timer.start()
    code = run_check("careless", connection(mosquitto.port), 4, as_json=True)
    timer.join()
    report = json.loads(capsys.readouterr().out)
    assert code == Outcome.BROKEN
    assert report["outcome"] == "BROKEN"
    broken = {rule["rule"] for rule in report["rules"] if rule["verdict"] == "broken"}
    assert broken == BROKEN_BY_CARELESSNESS


def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = connection(Mosquitto(tmp_path).port)
    with pytest.raises(
        UserError, match=f"MQTT broker {nowhere.address} cannot be used .*: start it"
    ):
        run_check("stethoscope-1", nowhere, 1)


def test_who_hears_nothing_is_told_what_to_look_at(
    embedded_mqtt: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = connection(embedded_mqtt.port)
    assert run_check("nobody", broker, 1) == Outcome.NOT_HEARD
    said = capsys.readouterr().err
    assert said.startswith(f"nothing heard of nobody on {broker.address}")
    assert said.count("\n") == 1


def test_an_impossible_id_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match="'bed 4' is no device id"):
        run_check("bed 4", connection(1), 1)


def _now_us() -> int:
    return time.time_ns() // 1000


def test_ctrl_c_tells_what_was_seen_until_then(
    mosquitto: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    # Over and over, for who watches may take seconds to be there on a busy machine.
    timers = [
        *(threading.Timer(at_s, CarelessDevice(mosquitto.port).misbehave) for at_s in (1, 4, 7)),
        threading.Timer(10, os.kill, [os.getpid(), signal.SIGINT]),
    ]
    for timer in timers:
        timer.start()
    since_s = time.monotonic()
    code = run_check("careless", connection(mosquitto.port), 60, as_json=True)
    for timer in timers:
        timer.join()
    assert time.monotonic() - since_s < 30
    assert code == Outcome.BROKEN
    assert json.loads(capsys.readouterr().out)["outcome"] == "BROKEN"
