"""One connection to an MQTT 5 broker without its socket: bytes in, publications and bytes out."""

from collections import deque
from collections.abc import Sequence

import mqtt5
import msgspec

from ingest.traces import Context, context_in
from models.errors import RetryableError

KEEP_ALIVE_S = 30
_ANSWER_TIMEOUT_S = 10.0
_FIRST_REFUSAL = int(mqtt5.SubAckReasonCode.UNSPECIFIED_ERROR)
_SUBSCRIBE_ID, _UNSUBSCRIBE_ID = 1, 2
# Acks to devices are dropped, and sent anew seconds later, while the broker does not read.
_MAX_UNSENT_BYTES = 1024 * 1024

_CREDENTIALS_REFUSED = (
    mqtt5.ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD,
    mqtt5.ConnAckReasonCode.NOT_AUTHORIZED,
)


class ConnectionEndedError(RetryableError):
    """The connection is gone or useless; another may do better."""


class HungUpError(ConnectionEndedError):
    """The broker closed the connection and gave no reason."""


class CredentialsRefusedError(ConnectionEndedError):
    """The broker does not let this user in."""


class SubscriptionRefusedError(ConnectionEndedError):
    """The broker does not let this user read."""


class SessionTakenOverError(ConnectionEndedError):
    """Another connection uses the same client id."""


class Publication(msgspec.Struct, gc=False):
    """A message from the broker; `packet_id` 0 means QoS 0, which nobody acknowledges.

    `trace` is the context that its sender gave it, where the session listens for that.

    Once `settle` was called for it *and for all that came before it*, its PUBACK goes out; out of
    order rumqttd would end the connection. One that a lost connection delivered is settled in
    vain: the broker delivers it again under another packet id.
    """

    topic: str
    payload: bytes
    packet_id: int = 0
    retained: bool = False
    settled: bool = False
    trace: Context | None = None

    def settle(self) -> None:
        self.settled = True


class MqttSession:
    """Connects, subscribes, keeps alive, acknowledges in order; the caller moves the bytes.

    Attributes
    ----------
    outgoing
        Bytes to send; the caller removes what it has sent.
    ready
        Whether the broker has accepted connection and subscriptions, now or in an earlier
        connection of the same session.
    """

    def __init__(
        self,
        connect: mqtt5.ConnectPacket,
        *,
        subscribe: Sequence[mqtt5.TopicFilter],
        unsubscribe: Sequence[str] = (),
        now_s: float,
        is_traced: bool = False,
    ) -> None:
        self.outgoing = bytearray(connect.write())
        self.ready = False
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._is_traced = is_traced
        self._incoming = bytearray()
        self._unacknowledged: deque[Publication] = deque()
        self._deadline_s: float | None = now_s + _ANSWER_TIMEOUT_S
        self._ping_every_s = KEEP_ALIVE_S / 2
        self._ping_due_s = now_s + self._ping_every_s

    @property
    def unacknowledged(self) -> int:
        """QoS 1 messages that the broker waits to have acknowledged."""
        return len(self._unacknowledged)

    def feed(self, data: bytes) -> list[Publication]:
        """Take in what the socket gave and return the messages that are now complete.

        Raises
        ------
        ConnectionEndedError
            When the broker refuses, ends the connection or breaks the protocol.
        """
        self._incoming += data
        publications: list[Publication] = []
        consumed = 0
        with memoryview(self._incoming) as view:
            while consumed < len(view):
                try:
                    packet, length = mqtt5.read(view[consumed:])
                except IndexError:  # the rest of it is still on its way
                    break
                except ValueError as error:
                    raise ConnectionEndedError(f"the broker breaks MQTT 5: {error}") from None
                consumed += length
                if isinstance(packet, mqtt5.PublishPacket):
                    publications.append(self._received(packet))
                else:
                    self._handle(packet)
        del self._incoming[:consumed]
        return publications

    def publish(self, topic: str, payload: bytes) -> bool:
        """Queue a message of QoS 0; False when the broker does not read fast enough."""
        if not self.ready or len(self.outgoing) > _MAX_UNSENT_BYTES:
            return False
        self.outgoing += mqtt5.PublishPacket(topic, payload).write()
        return True

    def unsubscribe(self, patterns: Sequence[str]) -> None:
        self.outgoing += mqtt5.UnsubscribePacket(_UNSUBSCRIBE_ID, list(patterns)).write()

    def acknowledge_settled(self) -> None:
        """Queue the PUBACK of every message before the first that is not settled."""
        waiting = self._unacknowledged
        while waiting and waiting[0].settled:
            self.outgoing += mqtt5.PubAckPacket(waiting.popleft().packet_id).write()

    def tick(self, now_s: float, *, reading: bool) -> None:
        """Keep the connection alive, or find that it is not.

        A caller that is not `reading` goes on pinging and misses no answer.
        """
        if self._deadline_s is not None and not reading:
            self._deadline_s = now_s + _ANSWER_TIMEOUT_S
        if self._deadline_s is not None and now_s > self._deadline_s:
            raise ConnectionEndedError(f"no answer for {_ANSWER_TIMEOUT_S:.0f} s")
        if self.ready and now_s >= self._ping_due_s:
            self.outgoing += mqtt5.PingReqPacket().write()
            self._ping_due_s = now_s + self._ping_every_s
            self._deadline_s = now_s + _ANSWER_TIMEOUT_S

    def disconnect(self) -> None:
        """Queue the farewell; the broker keeps the session and its messages."""
        self.outgoing += mqtt5.DisconnectPacket().write()

    def _received(self, packet: mqtt5.PublishPacket) -> Publication:
        publication = Publication(
            packet.topic, packet.payload, packet_id=packet.packet_id or 0, retained=packet.retain
        )
        if self._is_traced:
            publication.trace = context_in(packet.user_properties)
        if publication.packet_id:
            self._unacknowledged.append(publication)
        return publication

    def _handle(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.PingRespPacket():
                self._deadline_s = None
            case mqtt5.ConnAckPacket():
                self._connected(packet)
            case mqtt5.SubAckPacket():
                self._subscribed(packet)
            case mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER):
                raise SessionTakenOverError("another process has connected under the same name")
            case mqtt5.DisconnectPacket():
                raise ConnectionEndedError(f"the broker says {_words(packet.reason_code)}")
            case _:
                pass

    def _connected(self, packet: mqtt5.ConnAckPacket) -> None:
        if packet.reason_code in _CREDENTIALS_REFUSED:
            raise CredentialsRefusedError(_words(packet.reason_code))
        if packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            raise ConnectionEndedError(f"the broker says {_words(packet.reason_code)}")
        if packet.server_keep_alive:
            self._ping_every_s = packet.server_keep_alive / 2
        if self._unsubscribe:
            self.unsubscribe(self._unsubscribe)
        if self._subscribe:
            self.outgoing += mqtt5.SubscribePacket(_SUBSCRIBE_ID, list(self._subscribe)).write()
        # rumqttd answers nothing more before what it sent on connecting is acknowledged.
        if packet.session_present or not self._subscribe:
            self._make_ready()

    def _subscribed(self, packet: mqtt5.SubAckPacket) -> None:
        for wanted, granted in zip(self._subscribe, packet.reason_codes, strict=False):
            if int(granted) >= _FIRST_REFUSAL:
                raise SubscriptionRefusedError(f"{_words(granted)}: subscribe {wanted.pattern}")
        self._make_ready()

    def _make_ready(self) -> None:
        self.ready = True
        self._deadline_s = None


def _words(
    code: mqtt5.ConnAckReasonCode | mqtt5.SubAckReasonCode | mqtt5.DisconnectReasonCode,
) -> str:
    return code.name.lower().replace("_", " ")
