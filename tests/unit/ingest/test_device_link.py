"""A device's connection: as many messages at a time as the broker takes, and never a block."""

import selectors
import socket
import time
from collections.abc import Iterator
from itertools import pairwise

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.embedded import free_port
from ingest.connections import MqttConnection, load
from ingest.device_link import DeviceLink, PublishingSession
from ingest.mqtt_session import Publication
from ingest.wearable_model import Outgoing

HELLO = mqtt5.ConnectPacket("wearable-01", keep_alive=30)
ACKS = mqtt5.TopicFilter("pcg/v1/ward/wearable-01/ack", max_qos=mqtt5.QoS.AT_MOST_ONCE)
ACCEPTED = mqtt5.ConnAckPacket().write()
SUBSCRIBED = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE]).write()


def ready(receive_max: int = 65535) -> PublishingSession:
    session = PublishingSession(HELLO, subscribe=[ACKS], now_s=0.0)
    session.feed(mqtt5.ConnAckPacket(receive_max=receive_max).write() + SUBSCRIBED)
    session.outgoing.clear()
    return session


def published(session: PublishingSession) -> list[mqtt5.PublishPacket]:
    packets, at = [], 0
    while at < len(session.outgoing):
        packet, length = mqtt5.read(memoryview(bytes(session.outgoing[at:])))
        assert isinstance(packet, mqtt5.PublishPacket)
        packets.append(packet)
        at += length
    session.outgoing.clear()
    return packets


@given(receive_max=st.integers(1, 20), number=st.integers(0, 60), last_first=st.booleans())
def test_no_more_is_in_flight_than_the_broker_takes_and_all_of_it_leaves_in_order(
    receive_max: int, number: int, last_first: bool
) -> None:
    session = ready(receive_max)
    for n in range(number):
        session.send(Outgoing("t", b"%d" % n, retain=n % 2 == 0))
    seen: list[mqtt5.PublishPacket] = []
    while in_flight := published(session):
        assert len(in_flight) <= receive_max
        assert session.unconfirmed == number - len(seen)
        seen += in_flight
        for packet in reversed(in_flight) if last_first else in_flight:
            assert packet.packet_id is not None
            session.feed(mqtt5.PubAckPacket(packet.packet_id).write())
    assert [packet.payload for packet in seen] == [b"%d" % n for n in range(number)]
    assert all(packet.qos == mqtt5.QoS.AT_LEAST_ONCE for packet in seen)
    assert [packet.retain for packet in seen] == [n % 2 == 0 for n in range(number)]


def test_a_packet_id_is_not_used_again_before_its_message_is_confirmed() -> None:
    session = ready()
    session.send(Outgoing("t", b"stuck"))
    (stuck,) = published(session)
    for _ in range(70_000):
        session.send(Outgoing("t", b""))
        (packet,) = published(session)
        assert packet.packet_id is not None
        assert packet.packet_id != stuck.packet_id
        session.feed(mqtt5.PubAckPacket(packet.packet_id).write())
    assert session.unconfirmed == 1


def test_a_refusal_is_told_once_and_frees_its_place() -> None:
    session = ready(receive_max=1)
    session.send(Outgoing("t", b"a"))
    session.send(Outgoing("t", b"b"))
    refused = mqtt5.PubAckPacket(1, reason_code=mqtt5.PubAckReasonCode.NOT_AUTHORIZED)
    session.feed(refused.write())
    assert [packet.payload for packet in published(session)] == [b"a", b"b"]
    assert session.take_refusal() == "not authorized"
    assert session.take_refusal() is None


def test_one_that_subscribes_to_nothing_is_ready_once_it_is_accepted() -> None:
    session = PublishingSession(HELLO, subscribe=[], now_s=0.0)
    session.outgoing.clear()
    session.feed(ACCEPTED)
    assert session.ready
    assert not session.outgoing


class Owner:
    """Notes what a link says of itself."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_up(self) -> None:
        self.told.append("up")

    def on_down(self, error: Exception | None) -> None:
        self.told.append(f"down: {error}")

    def on_message(self, publication: Publication) -> None:
        self.told.append(publication.payload.decode())


class Scene:
    """A link, and a listening socket that is as slow as the test wants."""

    def __init__(self) -> None:
        self.port = free_port()
        self.owner = Owner()
        self.selector = selectors.DefaultSelector()
        self.now_s = 100.0
        self.link = DeviceLink(
            (socket.AF_INET, ("127.0.0.1", self.port)),
            load(MqttConnection, {"port": self.port}),
            hello=lambda: HELLO,
            topics=["pcg/v1/ward/wearable-01/ack"],
            selector=self.selector,
            owner=self.owner,
        )
        self._sockets: list[socket.socket] = []

    def listen(self) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", self.port))
        self._sockets.append(listener)
        return listener

    def accept(self, listener: socket.socket) -> socket.socket:
        peer, _ = listener.accept()
        peer.settimeout(5)
        self._sockets.append(peer)
        return peer

    def connected(self) -> socket.socket:
        """Bring the link up and return the broker's end."""
        listener = self.listen()
        self.link.tick(self.now_s, wanted=True)
        peer = self.accept(listener)
        self.serve_until("nothing")
        assert isinstance(mqtt5.read(memoryview(peer.recv(4096)))[0], mqtt5.ConnectPacket)
        peer.sendall(ACCEPTED)
        self.serve_until("nothing")
        assert isinstance(mqtt5.read(memoryview(peer.recv(4096)))[0], mqtt5.SubscribePacket)
        peer.sendall(SUBSCRIBED)
        self.serve_until("up")
        return peer

    def serve(self, wait_s: float = 0.0) -> None:
        for key, _ in self.selector.select(wait_s):
            key.data.serve(self.now_s)

    def serve_until(self, told: str) -> None:
        """Serve the socket until the owner was told so, or for a moment."""
        for _ in range(20):
            if told not in self.owner.told:
                self.serve(0.02)

    def close(self) -> None:
        self.link.drop()
        self.selector.close()
        for opened in self._sockets:
            opened.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    it = Scene()
    yield it
    it.close()


def test_it_is_up_once_the_broker_has_granted_the_subscription(scene: Scene) -> None:
    assert not scene.link.is_up
    peer = scene.connected()
    assert scene.owner.told == ["up"]
    peer.sendall(mqtt5.PublishPacket("pcg/v1/ward/wearable-01/ack", b"stored").write())
    scene.serve_until("stored")
    assert scene.owner.told == ["up", "stored"]


def test_a_broker_that_is_away_is_dialled_again_after_growing_waits(scene: Scene) -> None:
    downs = []
    for tenth_s in range(200):
        scene.now_s = 100 + tenth_s / 10
        before = len(scene.owner.told)
        scene.link.tick(scene.now_s, wanted=True)
        scene.serve()
        if len(scene.owner.told) > before:
            downs.append(scene.now_s)
    waits_s = [later - earlier for earlier, later in pairwise(downs)]
    assert waits_s[:3] == pytest.approx([0.5, 1.0, 2.0], abs=0.11)
    assert max(waits_s) <= 5.2
    assert "Connection refused" in scene.owner.told[0]


def test_a_broker_that_accepts_and_says_nothing_is_given_up(scene: Scene) -> None:
    scene.listen()
    scene.link.tick(100.0, wanted=True)
    scene.serve_until("nothing")
    scene.link.tick(111.0, wanted=True)
    assert scene.owner.told == ["down: no answer for 10 s"]


def test_a_broker_that_reads_nothing_blocks_nobody(scene: Scene) -> None:
    scene.connected()
    began_s = time.monotonic()
    for _ in range(3000):
        scene.link.send(Outgoing("t", bytes(4000)))
    scene.link.flush(scene.now_s)
    scene.link.flush(scene.now_s)
    assert time.monotonic() - began_s < 1.0
    assert scene.link.has_unsent
    assert scene.owner.told == ["up"]


def test_a_connection_that_is_closed_is_reported_and_what_is_sent_is_dropped(scene: Scene) -> None:
    peer = scene.connected()
    peer.close()
    scene.serve_until("down: it closed the connection")
    assert scene.owner.told == ["up", "down: it closed the connection"]
    scene.link.send(Outgoing("t", b"lost"))
    assert (scene.link.unconfirmed, scene.link.has_unsent) == (0, False)


def test_what_is_not_wanted_is_cut_without_a_word(scene: Scene) -> None:
    peer = scene.connected()
    scene.link.tick(scene.now_s, wanted=False)
    assert peer.recv(100) == b""
    assert scene.owner.told == ["up", "down: None"]


def test_a_farewell_tells_the_broker_that_the_end_is_meant(scene: Scene) -> None:
    peer = scene.connected()
    scene.link.farewell(scene.now_s)
    assert isinstance(mqtt5.read(memoryview(peer.recv(100)))[0], mqtt5.DisconnectPacket)
    assert peer.recv(100) == b""
