"""A device's way to the broker: one connection, for one device or for many, that never blocks."""

import os
import selectors
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from errno import EINPROGRESS
from typing import Protocol

import mqtt5

from ingest.connections import MqttConnection
from ingest.mqtt_session import ConnectionEndedError, HungUpError, MqttSession, Publication
from ingest.traces import TRACEPARENT
from ingest.wearable_model import Outgoing

_READ_BYTES = 256 * 1024
_MAX_IN_FLIGHT = 10_000
_FIRST_ERROR = 0x80  # of the reason codes of MQTT 5
_DIAL_TIMEOUT_S = 10.0
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 5.0
_STABLE_AFTER_S = 10.0
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class PublishingSession(MqttSession):
    """A session that also publishes with QoS 1, as many at a time as the broker takes."""

    def __init__(
        self, connect: mqtt5.ConnectPacket, *, subscribe: Sequence[mqtt5.TopicFilter], now_s: float
    ) -> None:
        super().__init__(connect, subscribe=subscribe, now_s=now_s)
        self._refusal: str | None = None
        self._limit = _MAX_IN_FLIGHT
        self._next_id = 0
        self._in_flight: set[int] = set()
        self._waiting: deque[Outgoing] = deque()

    @property
    def unconfirmed(self) -> int:
        """Messages for which no PUBACK has come."""
        return len(self._in_flight) + len(self._waiting)

    def send(self, message: Outgoing) -> None:
        """Queue a message of QoS 1."""
        if len(self._in_flight) >= self._limit:
            self._waiting.append(message)
            return
        packet_id, trace = self._free_id(), message.trace
        self._in_flight.add(packet_id)
        self.outgoing += mqtt5.PublishPacket(
            message.topic,
            message.payload,
            qos=mqtt5.QoS.AT_LEAST_ONCE,
            retain=message.retain,
            packet_id=packet_id,
            user_properties=None if trace is None else [(TRACEPARENT, trace.decode())],
        ).write()

    def take_refusal(self) -> str | None:
        """The broker's reason, if it has refused a message since the last call."""
        refusal, self._refusal = self._refusal, None
        return refusal

    def _handle(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.PubAckPacket():
                self._confirmed(packet)
            case mqtt5.ConnAckPacket():
                self._limit = min(packet.receive_max, _MAX_IN_FLIGHT)
                super()._handle(packet)
            case _:
                super()._handle(packet)

    def _confirmed(self, packet: mqtt5.PubAckPacket) -> None:
        if int(packet.reason_code) >= _FIRST_ERROR:
            self._refusal = packet.reason_code.name.lower().replace("_", " ")
        self._in_flight.discard(packet.packet_id)
        if self._waiting:
            self.send(self._waiting.popleft())

    def _free_id(self) -> int:
        while True:
            self._next_id = self._next_id % 65535 + 1
            if self._next_id not in self._in_flight:
                return self._next_id


class LinkOwner(Protocol):
    """Whoever uses a link is told what becomes of it."""

    def on_up(self) -> None:
        """Connected, and the subscriptions stand."""

    def on_down(self, error: Exception | None) -> None:
        """Lost, or given up when there is no error; whatever was under way may be gone."""

    def on_message(self, publication: Publication) -> None:
        """Something came on a subscribed topic."""


class DeviceLink:
    """Dials while it is wanted, keeps the connection alive, and begins again when it is lost.

    Every new connection is a new session: what a device must not lose it keeps itself.
    """

    def __init__(
        self,
        address: tuple[int, tuple[str, int]],
        connection: MqttConnection,
        *,
        hello: Callable[[], mqtt5.ConnectPacket],
        topics: Sequence[str],
        selector: selectors.BaseSelector,
        owner: LinkOwner,
    ) -> None:
        self.is_up = False
        self._family, self._address = address
        self._host = connection.host
        self._tls = connection.ssl_context()
        self._hello = hello
        self._filters = [mqtt5.TopicFilter(t, max_qos=mqtt5.QoS.AT_MOST_ONCE) for t in topics]
        self._selector = selector
        self._owner = owner
        self._socket: socket.socket | None = None
        self._dialling: Iterator[int] | None = None
        self._session: PublishingSession | None = None
        self._since_s = 0.0
        self._retry_s, self._retry_at_s = _FIRST_RETRY_S, 0.0

    @property
    def unconfirmed(self) -> int:
        """Messages that the broker has not confirmed."""
        return 0 if self._session is None else self._session.unconfirmed

    @property
    def has_unsent(self) -> bool:
        return self._session is not None and bool(self._session.outgoing)

    def take_refusal(self) -> str | None:
        """The broker's reason, if it has refused a message since the last call."""
        return None if self._session is None else self._session.take_refusal()

    def tick(self, now_s: float, *, wanted: bool) -> None:
        """Dial, ping, or find that the other side is gone; asked every second or so."""
        if not wanted:
            self.drop()
        elif self._socket is None:
            if now_s >= self._retry_at_s:
                self._open(now_s)
        elif self._session is None:
            if now_s > self._since_s + _DIAL_TIMEOUT_S:
                self._lose(TimeoutError(f"no answer for {_DIAL_TIMEOUT_S:.0f} s"), now_s)
        else:
            self._guarded(now_s, lambda session: session.tick(now_s, reading=True))
            self.flush(now_s)

    def serve(self, now_s: float) -> None:
        """Do what the socket is ready for."""
        if self._dialling is not None:
            self._dial_on(now_s)
        else:
            self._guarded(now_s, self._read)
            self.flush(now_s)

    def send(self, message: Outgoing) -> None:
        """Queue a message; without a connection it is lost."""
        if self._session is not None and self.is_up:
            self._session.send(message)

    def flush(self, now_s: float) -> None:
        """Hand the system as much as it takes; the rest waits for the next call."""
        if self._session is not None and self._session.outgoing:
            self._guarded(now_s, self._write)

    def farewell(self, now_s: float) -> None:
        """Tell the broker that the end is meant, so that it publishes no will."""
        if self._session is not None:
            self._session.disconnect()
            self.flush(now_s)
        self.drop()

    def drop(self) -> None:
        """End the connection as a lost network does."""
        if self._socket is not None:
            self._close(None)

    def _open(self, now_s: float) -> None:
        self._since_s = now_s
        self._socket = socket.socket(self._family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_WRITE, self)
        self._dialling = self._dial(self._socket)
        self._dial_on(now_s)

    def _dial_on(self, now_s: float) -> None:
        assert self._dialling is not None  # noqa: S101 (whoever calls has looked)
        assert self._socket is not None  # noqa: S101 (as above)
        try:
            self._selector.modify(self._socket, next(self._dialling), self)
        except StopIteration:
            self._dialling = None
            self._selector.modify(self._socket, selectors.EVENT_READ, self)
            self._session = PublishingSession(self._hello(), subscribe=self._filters, now_s=now_s)
            self.flush(now_s)
        except OSError as error:
            self._lose(error, now_s)

    def _dial(self, plain: socket.socket) -> Iterator[int]:
        """Connect, and say each time what is to be waited for."""
        error = plain.connect_ex(self._address)
        if error == EINPROGRESS:
            yield selectors.EVENT_WRITE
            error = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        if self._tls is not None:
            secure = self._socket = self._tls.wrap_socket(
                plain, server_hostname=self._host, do_handshake_on_connect=False
            )
            yield from _shake_hands(secure)

    def _guarded(self, now_s: float, action: Callable[[PublishingSession], None]) -> None:
        """Do something that the end of the connection may interrupt."""
        if self._session is None:
            return
        try:
            action(self._session)
        except (OSError, ConnectionEndedError) as error:
            self._lose(error, now_s)

    def _read(self, session: PublishingSession) -> None:
        assert self._socket is not None  # noqa: S101 (a session has a socket)
        while True:
            try:
                data = self._socket.recv(_READ_BYTES)
            except _NOT_NOW:
                return
            if not data:
                raise HungUpError("it closed the connection")
            for publication in session.feed(data):
                self._owner.on_message(publication)
            if session.ready and not self.is_up:
                self.is_up = True
                self._owner.on_up()
            if not isinstance(self._socket, ssl.SSLSocket) or not self._socket.pending():
                return

    def _write(self, session: PublishingSession) -> None:
        assert self._socket is not None  # noqa: S101 (a session has a socket)
        try:
            sent = self._socket.send(session.outgoing)
        except _NOT_NOW:
            return
        del session.outgoing[:sent]

    def _lose(self, error: Exception, now_s: float) -> None:
        if self.is_up and now_s - self._since_s > _STABLE_AFTER_S:
            self._retry_s = _FIRST_RETRY_S
        self._retry_at_s = now_s + self._retry_s
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
        self._close(error)

    def _close(self, error: Exception | None) -> None:
        assert self._socket is not None  # noqa: S101 (whoever calls has looked)
        self._selector.unregister(self._socket)
        self._socket.close()
        self._socket = self._dialling = self._session = None
        self.is_up = False
        self._owner.on_down(error)


def _shake_hands(secure: ssl.SSLSocket) -> Iterator[int]:
    while True:
        try:
            secure.do_handshake()
        except ssl.SSLWantReadError:
            yield selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            yield selectors.EVENT_WRITE
        else:
            return
