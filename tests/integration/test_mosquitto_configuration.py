"""The shipped Mosquitto configuration, whole: TLS, passwords, and each device its own topics."""

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import mqtt5
import pytest

from ingest.chunk import AudioChunk, decode_ack, encode
from ingest.connections import MqttConnection, load
from ingest.device_watch import watch
from models.errors import UserError
from tests.integration.bridges import Brokers, bridge, complaint, with_topics
from tests.integration.devices import SAMPLES
from tests.integration.secured_mosquitto import SecuredMosquitto, make_certificate
from tests.servers import Server

GRANTED = mqtt5.PubAckReasonCode.SUCCESS
PASSWORDS = {"heartward.bridge": "of-the-bridge", "W-1": "of-one", "W-2": "of-two"}


class Device:
    """One wearable with TLS and a password; what the broker answers is looked at closely."""

    def __init__(self, ward: SecuredMosquitto, user: str, *, client_id: str | None = None) -> None:
        plain = socket.create_connection(("127.0.0.1", ward.device_port), 10)
        context = ssl.create_default_context(cafile=ward.ca_file)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        hello = mqtt5.ConnectPacket(
            client_id or user,
            username=user,
            password=PASSWORDS[user].encode(),
            clean_start=True,
            keep_alive=30,
        )
        self.accepted = self._ask(hello)

    def publish(self, topic: str, payload: bytes = b"x") -> mqtt5.PubAckReasonCode:
        packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1)
        answer = self._ask(packet)
        assert isinstance(answer, mqtt5.PubAckPacket)
        return answer.reason_code

    def subscribe(self, pattern: str) -> mqtt5.SubAckReasonCode:
        answer = self._ask(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(pattern)]))
        assert isinstance(answer, mqtt5.SubAckPacket)
        return answer.reason_codes[0]

    def hears(self, timeout_s: float = 10) -> mqtt5.Packet:
        self._socket.settimeout(timeout_s)
        return mqtt5.read(memoryview(self._socket.recv(4096)))[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _ask(
        self, packet: mqtt5.ConnectPacket | mqtt5.PublishPacket | mqtt5.SubscribePacket
    ) -> mqtt5.Packet:
        self._socket.sendall(packet.write())
        return self.hears()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[SecuredMosquitto]:
    server = SecuredMosquitto(tmp_path / "mosquitto", PASSWORDS)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def brokers(ward: SecuredMosquitto, embedded_kafka: Server) -> Brokers:
    access = {
        "HEARTWARD_MQTT_HOST": "localhost",
        "HEARTWARD_MQTT_TLS": "true",
        "HEARTWARD_MQTT_CA_FILE": str(ward.ca_file),
        "HEARTWARD_MQTT_USER": "heartward.bridge",
        "HEARTWARD_MQTT_PASSWORD": PASSWORDS["heartward.bridge"],
    }
    return with_topics(ward, embedded_kafka)._replace(access=access)


def test_a_device_is_heard_and_told_over_tls(
    ward: SecuredMosquitto, brokers: Brokers, tmp_path: Path
) -> None:
    with bridge(brokers, tmp_path, groups="tls"), Device(ward, "W-1") as device:
        device.subscribe("pcg/v1/tls/W-1/ack")
        assert device.publish("pcg/v1/tls/W-1/audio", _chunk()) == GRANTED

        told = device.hears()

    assert isinstance(told, mqtt5.PublishPacket)
    assert told.topic == "pcg/v1/tls/W-1/ack"
    assert decode_ack(told.payload).stored_to_sample == SAMPLES


def test_a_device_neither_speaks_for_another_nor_hears_what_it_is_told(
    ward: SecuredMosquitto, brokers: Brokers, tmp_path: Path
) -> None:
    with (
        bridge(brokers, tmp_path, groups="acl"),
        Device(ward, "W-1") as one,
        Device(ward, "W-2") as other,
    ):
        one.subscribe("pcg/v1/acl/W-1/ack")
        for pattern in ("pcg/v1/+/+/ack", "pcg/v1/acl/W-1/#", "#"):
            other.subscribe(pattern)

        refused = [
            other.publish(f"pcg/v1/acl/{topic}", _chunk())
            for topic in ("W-1/audio", "W-1/audio-history", "W-1/status", "W-2/ack", "W-1/ack")
        ]
        one.publish("pcg/v1/acl/W-1/audio", _chunk())
        assert isinstance(one.hears(), mqtt5.PublishPacket)
        with pytest.raises(TimeoutError):
            other.hears(timeout_s=1)

    assert refused == [mqtt5.PubAckReasonCode.NOT_AUTHORIZED] * 5


def test_a_device_cannot_take_over_the_session_of_a_bridge(
    ward: SecuredMosquitto, brokers: Brokers, tmp_path: Path
) -> None:
    with (
        bridge(brokers, tmp_path, groups="thief") as part,
        Device(ward, "W-2", client_id="heartward.bridge.thief") as thief,
    ):
        assert isinstance(thief.accepted, mqtt5.ConnAckPacket)
        time.sleep(1)

        assert part.is_running
        assert "is away" not in part.log.read_text()


def test_a_broker_that_cannot_prove_itself_gets_one_line(brokers: Brokers, tmp_path: Path) -> None:
    make_certificate(tmp_path)

    line = complaint(brokers.environment | {"HEARTWARD_MQTT_CA_FILE": str(tmp_path / "server.pem")})

    assert "do not agree on TLS" in line
    assert "HEARTWARD_MQTT_CA_FILE" in line


def test_a_client_without_tls_gets_one_line_that_says_so(brokers: Brokers) -> None:
    plain = {name: v for name, v in brokers.environment.items() if name.split("_")[-1] != "FILE"}

    line = complaint(plain | {"HEARTWARD_MQTT_TLS": "false"})

    assert "closes a connection without TLS" in line
    assert "HEARTWARD_MQTT_TLS" in line


def test_a_check_of_a_device_without_tls_does_not_wait_in_vain(ward: SecuredMosquitto) -> None:
    plain = load(MqttConnection, {"host": "localhost", "port": ward.port})
    with pytest.raises(UserError, match="closes a connection without TLS"):
        watch("W-1", plain, seconds=5)


def _chunk() -> bytes:
    return encode(
        AudioChunk(
            boot_id=1,
            seq=0,
            first_sample=0,
            kept_from_sample=0,
            captured_at_us=time.time_ns() // 1000,
            sample_rate_hz=2000,
            samples=bytes(2 * SAMPLES),
        )
    )
