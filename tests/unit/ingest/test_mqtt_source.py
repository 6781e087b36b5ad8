"""The bridge's side of the socket, against a broker that says what it is told to say."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import mqtt5
import pytest

from ingest import mqtt_source
from ingest.connections import MqttConnection, load
from ingest.mqtt_session import Publication
from ingest.mqtt_source import MqttSource
from models.errors import UserError

GRANTED = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * 3).write()
TAKEN_OVER = mqtt5.DisconnectPacket(
    reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER
).write()


def message(packet_id: int) -> bytes:
    return mqtt5.PublishPacket(
        "pcg/v1/a/b/audio", b"x", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id
    ).write()


class Broker:
    """Answers each connection in turn with the next of its scripts, and notes what it hears."""

    def __init__(self, *scripts: bytes) -> None:
        self.heard: list[bytearray] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, args=(scripts,), daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        self._connections[-1].shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        for connection in self._connections:
            connection.close()
        self._thread.join(5)

    def packets(self, connection: int) -> list[mqtt5.Packet]:
        """Everything heard on one connection, once the last has ended."""
        self._thread.join(5)
        data, packets = memoryview(bytes(self.heard[connection])), []
        while data:
            packet, length = mqtt5.read(data)
            packets.append(packet)
            data = data[length:]
        return packets

    def _serve(self, scripts: tuple[bytes, ...]) -> None:
        for script in scripts:
            connection, _ = self._listener.accept()
            self._connections.append(connection)
            self.heard.append(bytearray(connection.recv(4096)))
            with suppress(ConnectionError):
                connection.sendall(script)
                while data := connection.recv(4096):
                    self.heard[-1] += data


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_source, "_FIRST_RETRY_S", 0.05)


@pytest.fixture
def brokers() -> Iterator[list[Broker]]:
    running: list[Broker] = []
    yield running
    for broker in running:
        broker.close()


def source(port: int, *, tls: bool = False) -> MqttSource:
    return MqttSource(
        load(MqttConnection, {"host": "127.0.0.1", "port": port, "tls": tls}),
        client_id="heartward.bridge.test",
        groups=["a"],
        receive_maximum=10,
        session_expiry_s=60,
    )


def receive(it: MqttSource, number: int) -> list[Publication]:
    deadline_s = time.monotonic() + 5
    received: list[Publication] = []
    while len(received) < number:
        assert time.monotonic() < deadline_s, f"{len(received)} of {number} messages came"
        received += it.receive(0.05)
    return received


def _open_and_receive(it: MqttSource) -> None:
    it.open()
    receive(it, 1)


def test_asks_for_a_session_that_stays_and_gives_up_the_groups_of_before(
    brokers: list[Broker],
) -> None:
    brokers.append(Broker(mqtt5.ConnAckPacket().write() + GRANTED))
    it = source(brokers[0].port)
    it.open()
    it.close()

    hello, unsubscribe, subscribe, goodbye = brokers[0].packets(0)

    assert isinstance(hello, mqtt5.ConnectPacket)
    assert (hello.clean_start, hello.session_expiry_interval, hello.receive_max) == (False, 60, 10)
    assert isinstance(unsubscribe, mqtt5.UnsubscribePacket)
    assert unsubscribe.patterns[0] == "pcg/v1/+/+/audio"
    assert isinstance(subscribe, mqtt5.SubscribePacket)
    assert [f.pattern.rpartition("/")[2] for f in subscribe.topic_filters] == [
        "audio",
        "audio-history",
        "status",
    ]
    assert isinstance(goodbye, mqtt5.DisconnectPacket)


def test_what_came_while_connecting_is_received(brokers: list[Broker]) -> None:
    early = mqtt5.ConnAckPacket(session_present=True).write() + message(1) + GRANTED
    brokers.append(Broker(early))
    it = source(brokers[0].port)
    it.open()

    (publication,) = receive(it, 1)
    publication.settle()
    it.close()

    acked = [p for p in brokers[0].packets(0) if isinstance(p, mqtt5.PubAckPacket)]
    assert [packet.packet_id for packet in acked] == [1]


def test_reconnects_for_ever_and_acknowledges_on_the_new_connection_only(
    brokers: list[Broker],
) -> None:
    again = mqtt5.ConnAckPacket(session_present=True).write() + GRANTED + message(9)
    brokers.append(Broker(mqtt5.ConnAckPacket().write() + GRANTED + message(1), again))
    it = source(brokers[0].port)
    it.open()
    (old,) = receive(it, 1)
    brokers[0].hang_up()
    (new,) = receive(it, 1)

    old.settle()
    new.settle()
    it.close()

    assert it.connects == 2
    acked = [p for p in brokers[0].packets(1) if isinstance(p, mqtt5.PubAckPacket)]
    assert [packet.packet_id for packet in acked] == [9]


def test_a_bridge_of_the_same_name_ends_this_one_in_one_line(brokers: list[Broker]) -> None:
    brokers.append(Broker(mqtt5.ConnAckPacket().write() + GRANTED + TAKEN_OVER))
    it = source(brokers[0].port)

    with (
        pytest.raises(UserError, match="under the same name; give each"),
        closing(it),
    ):
        _open_and_receive(it)


def test_short_lives_of_accepted_connections_hint_at_another_bridge(
    brokers: list[Broker], caplog: pytest.LogCaptureFixture
) -> None:
    """Mosquitto 2.0.11 and the embedded broker do not say that the session was taken over."""
    accepted = mqtt5.ConnAckPacket(session_present=True).write() + GRANTED
    brokers.append(Broker(*[accepted + message(number) for number in (1, 2, 3)]))
    it = source(brokers[0].port)
    it.open()
    for number in (1, 2, 3):
        receive(it, 1)
        brokers[0].hang_up()
        said = "perhaps another bridge named test runs"
        while len(caplog.records) < number:
            it.receive(0.05)
        assert (said in caplog.records[-1].getMessage()) is (number > 1)
    brokers[0].close()
    while "refused" not in caplog.text:  # now it is away, whoever else there is
        it.receive(0.05)
    assert said not in caplog.records[-1].getMessage()
    it.close()


def test_a_port_that_speaks_no_mqtt_gets_one_line(brokers: list[Broker]) -> None:
    brokers.append(Broker(b"\x00\x00"))

    with pytest.raises(UserError, match="breaks MQTT 5"):
        source(brokers[0].port).open()


@pytest.mark.parametrize(
    ("tls", "said"), [(False, "without TLS"), (True, "that speaks TLS")], ids=["plain", "tls"]
)
def test_a_broker_that_closes_at_the_first_word_is_asked_about_tls(tls: bool, said: str) -> None:
    def hang_up() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1)  # what is left unread makes it a reset, as brokers do

    with socket.create_server(("127.0.0.1", 0)) as listener:
        closing_soon = threading.Thread(target=hang_up)
        closing_soon.start()
        it = source(listener.getsockname()[1], tls=tls)
        with pytest.raises(UserError, match=f"closes a connection {said} .*HEARTWARD_MQTT_TLS"):
            it.open()
        closing_soon.join()


def test_says_nothing_into_a_connection_that_is_not_there() -> None:
    it = source(1)

    assert not it.publish("pcg/v1/a/b/ack", b"x")
    assert it.receive(0.01) == []
