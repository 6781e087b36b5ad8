"""A connection to the broker, byte by byte: order of acknowledgement above all."""

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt_session import (
    KEEP_ALIVE_S,
    ConnectionEndedError,
    CredentialsRefusedError,
    MqttSession,
    SessionTakenOverError,
    SubscriptionRefusedError,
)

FILTER = mqtt5.TopicFilter("pcg/v1/+/+/audio", max_qos=mqtt5.QoS.AT_LEAST_ONCE)


def session(now_s: float = 0.0, unsubscribe: tuple[str, ...] = ()) -> MqttSession:
    hello = mqtt5.ConnectPacket("heartward.bridge.test", keep_alive=KEEP_ALIVE_S)
    return MqttSession(hello, subscribe=[FILTER], unsubscribe=unsubscribe, now_s=now_s)


def ready(now_s: float = 0.0) -> MqttSession:
    it = session(now_s)
    it.feed(mqtt5.ConnAckPacket().write())
    it.feed(mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write())
    it.outgoing.clear()
    return it


def message(packet_id: int | None, payload: bytes = b"x") -> bytes:
    qos = mqtt5.QoS.AT_LEAST_ONCE if packet_id else mqtt5.QoS.AT_MOST_ONCE
    return mqtt5.PublishPacket("pcg/v1/a/b/audio", payload, qos=qos, packet_id=packet_id).write()


def sent(it: MqttSession) -> list[mqtt5.Packet]:
    packets, at = [], 0
    while at < len(it.outgoing):
        packet, length = mqtt5.read(memoryview(bytes(it.outgoing[at:])))
        packets.append(packet)
        at += length
    it.outgoing.clear()
    return packets


def acknowledged(it: MqttSession) -> list[int]:
    it.acknowledge_settled()
    return [packet.packet_id for packet in sent(it) if isinstance(packet, mqtt5.PubAckPacket)]


@given(st.permutations(range(1, 13)))
def test_pubacks_leave_in_the_order_of_receipt_whatever_is_settled_first(order: list[int]) -> None:
    it = ready()
    publications = it.feed(b"".join(message(n) for n in range(1, 13)))
    left: list[int] = []

    for number in order:
        publications[number - 1].settle()
        left += acknowledged(it)
        settled = {p.packet_id for p in publications if p.settled}
        assert set(left) <= settled

    assert left == list(range(1, 13))
    assert it.unacknowledged == 0


def test_a_message_settled_out_of_turn_waits_for_those_before_it() -> None:
    it = ready()
    first, second = it.feed(message(1) + message(2))

    second.settle()
    assert acknowledged(it) == []

    first.settle()
    assert acknowledged(it) == [1, 2]


def test_a_message_of_an_earlier_connection_is_never_acknowledged() -> None:
    before, now = ready(), ready()
    (old,) = before.feed(message(1))
    (again,) = now.feed(message(1))

    old.settle()
    assert acknowledged(now) == []

    again.settle()
    assert acknowledged(now) == [1]


def test_qos_0_is_passed_on_and_never_acknowledged() -> None:
    it = ready()
    loose, tracked = it.feed(message(None) + message(7))

    tracked.settle()

    assert loose.packet_id == 0
    assert acknowledged(it) == [7]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.data())
def test_messages_come_whole_however_the_bytes_are_cut(
    sizes: list[int], data: st.DataObject
) -> None:
    stream = b"".join(message(n, bytes(size)) for n, size in enumerate(sizes, start=1))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    it = ready()

    received = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += it.feed(stream[start:end])

    assert [len(publication.payload) for publication in received] == sizes
    assert [publication.packet_id for publication in received] == list(range(1, len(sizes) + 1))


def test_subscribes_once_the_broker_has_accepted_the_connection() -> None:
    it = session(unsubscribe=("pcg/v1/+/+/audio",))
    assert isinstance(sent(it)[0], mqtt5.ConnectPacket)

    it.feed(mqtt5.ConnAckPacket().write())
    unsubscribe, subscribe = sent(it)

    assert isinstance(unsubscribe, mqtt5.UnsubscribePacket)
    assert isinstance(subscribe, mqtt5.SubscribePacket)
    assert [f.pattern for f in subscribe.topic_filters] == [FILTER.pattern]
    assert not it.ready


def test_a_session_that_the_broker_has_kept_is_ready_at_once() -> None:
    it = session()

    it.feed(mqtt5.ConnAckPacket(session_present=True).write())

    assert it.ready


def test_messages_between_the_brokers_first_answers_are_not_lost() -> None:
    it = session()

    received = it.feed(mqtt5.ConnAckPacket(session_present=True).write() + message(1))

    assert len(received) == 1


@pytest.mark.parametrize(
    ("packet", "error"),
    [
        (
            mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.NOT_AUTHORIZED),
            CredentialsRefusedError,
        ),
        (
            mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.SERVER_BUSY),
            ConnectionEndedError,
        ),
        (
            mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.NOT_AUTHORIZED]),
            SubscriptionRefusedError,
        ),
        (
            mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER),
            SessionTakenOverError,
        ),
        (
            mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SERVER_SHUTTING_DOWN),
            ConnectionEndedError,
        ),
    ],
)
def test_every_refusal_has_its_own_error(
    packet: mqtt5.ConnAckPacket | mqtt5.SubAckPacket | mqtt5.DisconnectPacket,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        session().feed(packet.write())


@given(st.binary(min_size=2, max_size=50))
def test_garbage_from_the_broker_ends_the_connection(garbage: bytes) -> None:
    no_such_packet = b"\x00\x00"

    with pytest.raises(ConnectionEndedError, match="breaks MQTT 5"):
        ready().feed(no_such_packet + garbage)


def test_pings_at_half_the_keep_alive_and_misses_an_answer_that_does_not_come() -> None:
    it = ready(now_s=0.0)

    it.tick(KEEP_ALIVE_S / 2 - 1, reading=True)
    assert sent(it) == []
    it.tick(KEEP_ALIVE_S / 2, reading=True)
    assert [type(packet) for packet in sent(it)] == [mqtt5.PingReqPacket]

    with pytest.raises(ConnectionEndedError, match="no answer"):
        it.tick(KEEP_ALIVE_S, reading=True)


def test_an_answered_ping_is_not_missed() -> None:
    it = ready(now_s=0.0)
    it.tick(KEEP_ALIVE_S / 2, reading=True)

    it.feed(mqtt5.PingRespPacket().write())

    it.tick(KEEP_ALIVE_S, reading=True)


def test_goes_on_pinging_without_reading_and_blames_nobody() -> None:
    it = ready(now_s=0.0)

    for now_s in range(0, 20 * KEEP_ALIVE_S, 5):
        it.tick(float(now_s), reading=False)

    pings = [packet for packet in sent(it) if isinstance(packet, mqtt5.PingReqPacket)]
    assert len(pings) == 39
    it.tick(20 * KEEP_ALIVE_S + 1.0, reading=True)


def test_keeps_the_brokers_shorter_keep_alive() -> None:
    it = session(now_s=0.0)
    it.feed(mqtt5.ConnAckPacket(session_present=True, server_keep_alive=4).write())
    it.outgoing.clear()

    it.tick(KEEP_ALIVE_S / 2, reading=True)
    it.feed(mqtt5.PingRespPacket().write())
    it.tick(KEEP_ALIVE_S / 2 + 2, reading=True)

    assert [type(packet) for packet in sent(it)] == [mqtt5.PingReqPacket, mqtt5.PingReqPacket]


def test_publishes_only_to_a_broker_that_is_ready_and_reads() -> None:
    assert not session().publish("pcg/v1/a/b/ack", b"x")

    it = ready()
    while it.publish("pcg/v1/a/b/ack", bytes(1000)):
        pass

    assert 1_000_000 < len(it.outgoing) < 1_100_000
