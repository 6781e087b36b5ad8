"""Alarms at a real MQTT broker, in the clear and through TLS."""

import getpass
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from dashboards.console.notifications.channels import DeliveryError, deliver
from tests.integration.secured_mosquitto import make_certificate
from tests.servers import Mosquitto, Server

MESSAGE = {
    "ward": "west",
    "bed": "4",
    "device": "w-04",
    "condition": "Heart rate high",
    "priority": "high",
    "cause": "HR 134 > 120",
    "escalation": 1,
}


@contextmanager
def _heard(port: int, ca_file: Path | None = None) -> Iterator[tuple[list[Any], threading.Event]]:
    """What is published meanwhile."""
    heard: list[Any] = []
    came, listens = threading.Event(), threading.Event()

    def on_connect(client: paho.Client, *_: Any) -> None:
        client.subscribe("ward/alarms")

    def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        heard.append(message)
        came.set()

    client = paho.Client(CallbackAPIVersion.VERSION2)
    if ca_file:
        client.tls_set(str(ca_file))
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: listens.set()
    client.on_message = on_message
    client.connect("localhost", port)
    client.loop_start()
    try:
        assert listens.wait(10)
        yield heard, came
    finally:
        client.disconnect()
        client.loop_stop()


def test_an_alarm_reaches_who_subscribes_to_its_topic(roomy_mosquitto: Server) -> None:
    with _heard(roomy_mosquitto.port) as (heard, came):
        deliver("mqtt", f"mqtt://127.0.0.1:{roomy_mosquitto.port}/ward/alarms", MESSAGE)
        assert came.wait(10)
    (message,) = heard
    told = json.loads(message.payload)
    assert told["text"] == "HIGH (escalation 1): Heart rate high, ward west, bed 4: HR 134 > 120"
    assert not message.retain


# paho leaves the socket of a failed handshake to the collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")
def test_tls_is_used_and_an_unknown_certificate_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificate(tmp_path)
    files = f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key"
    broker = Mosquitto(tmp_path, f"{files}\nuser {getpass.getuser()}")
    broker.start()
    try:
        address = f"mqtts://localhost:{broker.port}/ward/alarms"
        with pytest.raises(DeliveryError, match="certificate verify failed"):
            deliver("mqtt", address, MESSAGE)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        with _heard(broker.port, tmp_path / "server.pem") as (heard, came):
            deliver("mqtt", address, MESSAGE)
            assert came.wait(10)
        assert len(heard) == 1
    finally:
        broker.stop()
