"""The bridge's side of the MQTT broker: a session there that outlives every connection.

One thread owns a source: the bridge's loop calls `MqttSource.receive` over and over, which reads,
writes, pings and reconnects. paho-mqtt is not used here: with MQTT 5 it spends more on one
message than the whole budget of the bridge (``bench_mqtt_clients.py`` prints both), so packets
are read by `mqtt5` and this file moves the bytes.
"""

import logging
import selectors
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Protocol

import mqtt5

from ingest.chunk import Lane
from ingest.connections import MqttConnection
from ingest.mqtt_session import (
    KEEP_ALIVE_S,
    ConnectionEndedError,
    CredentialsRefusedError,
    HungUpError,
    MqttSession,
    Publication,
    SessionTakenOverError,
    SubscriptionRefusedError,
)
from models.errors import UserError

ANY_GROUP = "+"

_LANES = (Lane.AUDIO, Lane.HISTORY, Lane.STATUS)
_READ_BYTES = 256 * 1024
# To wake up for every message costs more than the message, here and in Kafka. So the next ones
# may gather for a moment, unless they come so fast that reads are large anyway. No longer: the
# embedded broker sends at most 100 messages ahead of their acknowledgement.
_GATHER_S = 0.01
_LARGE_READ_BYTES = _READ_BYTES // 2
# Far above MAX_PAYLOAD_BYTES: what is too large shall arrive, be refused and be seen.
_MAX_PACKET_BYTES = 1024 * 1024
_CONNECT_TIMEOUT_S = 3.0
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 8.0
_STABLE_AFTER_S = 10.0
_SHORT_LIVES_BELIEVED = 2
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where publications come from and acks to devices go to."""

    @property
    def connects(self) -> int:
        """How often the broker was reached."""

    def receive(self, timeout_s: float, *, reading: bool = True) -> list[Publication]:
        """Send what is due and wait at most `timeout_s` for messages.

        Without `reading` nothing is taken from the broker, yet the connection is kept.
        """

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send with QoS 0; False when it could not be."""

    def leave(self, group: str) -> None:
        """Give up a group that an earlier run under the same name subscribed to."""


class MqttSource:
    """Receives the device topics of some groups with QoS 1."""

    def __init__(
        self,
        connection: MqttConnection,
        *,
        client_id: str,
        groups: Sequence[str] = (ANY_GROUP,),
        receive_maximum: int,
        session_expiry_s: int,
        is_traced: bool = False,
    ) -> None:
        self.connects = 0
        self._connection = connection
        self._tls = connection.ssl_context()
        secret = connection.secret()
        self._hello = mqtt5.ConnectPacket(
            client_id,
            username=connection.user,
            password=None if secret is None else secret.encode(),
            clean_start=False,
            keep_alive=KEEP_ALIVE_S,
            session_expiry_interval=session_expiry_s,
            receive_max=receive_maximum,
            max_packet_size=_MAX_PACKET_BYTES,
        )
        self._subscribe = [_filter(group, lane) for group in groups for lane in _LANES]
        self._unsubscribe = [] if ANY_GROUP in groups else _patterns(ANY_GROUP)
        self._is_traced = is_traced
        self._link: _Link | None = None
        self._early: list[Publication] = []  # came before the broker had answered everything
        self._retry_s = _FIRST_RETRY_S
        self._retry_at_s = 0.0
        self._short_lives = 0  # connections that were accepted, and ended soon, in a row

    @property
    def is_contested(self) -> bool:
        """Whether connections are accepted and soon ended, as if another took the session over."""
        return self._short_lives >= _SHORT_LIVES_BELIEVED

    def open(self, timeout_s: float = 10.0) -> None:
        """Connect and subscribe.

        Raises
        ------
        UserError
            In one line, when the broker is not there or does not want us.
        """
        try:
            self._link = self._connect()
            self._early = self._link.make_ready(timeout_s)
        except (OSError, ConnectionEndedError) as error:
            self._drop()
            raise UserError(complaint(self._connection, error)) from None

    def receive(self, timeout_s: float, *, reading: bool = True) -> list[Publication]:
        """Send what is due and wait at most `timeout_s` for messages.

        While the broker is away this returns nothing and reconnects, for ever. What was read and
        not acknowledged comes again then.

        Raises
        ------
        UserError
            When another process uses the same client id: the two would fight for ever.
        """
        try:
            if self._link is None:
                self._reconnect(timeout_s)
                return []
            early, self._early = self._early, []
            return early or self._link.exchange(timeout_s, reading=reading)
        except SessionTakenOverError as error:
            self._drop()
            raise UserError(complaint(self._connection, error)) from None
        except (OSError, ConnectionEndedError) as error:
            self._lose(error)
            return []

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send with QoS 0; False when there is no connection or the broker does not read."""
        return self._link is not None and self._link.session.publish(topic, payload)

    def leave(self, group: str) -> None:
        """Give up a group that an earlier run under the same name subscribed to."""
        if self._link is not None:
            self._link.session.unsubscribe(_patterns(group))

    def close(self, timeout_s: float = 0.5) -> None:
        """Send what is due and say goodbye; the broker keeps the session and its messages."""
        if self._link is not None:
            try:
                self._link.farewell(timeout_s)
            except OSError as error:
                _log.warning("farewell to the MQTT broker failed: %s", error)
        self._drop()

    def _reconnect(self, timeout_s: float) -> None:
        remaining_s = self._retry_at_s - time.monotonic()
        if remaining_s > 0:
            time.sleep(min(timeout_s, remaining_s))
        else:
            self._link = self._connect()

    def _connect(self) -> "_Link":
        host, port = self._connection.host, self._connection.port
        plain = socket.create_connection((host, port), _CONNECT_TIMEOUT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=host)
        self.connects += 1
        session = MqttSession(
            self._hello,
            subscribe=self._subscribe,
            unsubscribe=self._unsubscribe,
            now_s=time.monotonic(),
            is_traced=self._is_traced,
        )
        return _Link(link, session)

    def _lose(self, error: Exception) -> None:
        now_s = time.monotonic()
        if self._link is None:
            self._short_lives = 0
        elif now_s - self._link.since_s > _STABLE_AFTER_S:
            self._retry_s = _FIRST_RETRY_S
            self._short_lives = 0
        elif self._link.session.ready:
            self._short_lives += 1
        self._retry_at_s = now_s + self._retry_s
        _log.warning(
            "MQTT broker %s is away (%s%s); next try in %.1f s",
            self._connection.address,
            error,
            self._guess(),
            self._retry_s,
        )
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
        self._drop()

    def _guess(self) -> str:
        """Not every broker says that it gives the session to another process."""
        if not self.is_contested:
            return ""
        name = self._hello.client_id.rpartition(".")[2]
        return f"; perhaps another bridge named {name} runs: give each a name of its own"

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None


class _Link:
    """One connection: a socket that does not block, and the session on it."""

    def __init__(self, link: socket.socket, session: MqttSession) -> None:
        link.setblocking(False)
        self.session = session
        self.since_s = time.monotonic()
        self._socket = link
        self._selector = selectors.DefaultSelector()
        self._watched = selectors.EVENT_READ
        self._selector.register(link, self._watched)
        self._last_read_bytes = 0

    def make_ready(self, timeout_s: float) -> list[Publication]:
        """Exchange until the broker has accepted us; what it sent meanwhile is returned."""
        deadline_s = time.monotonic() + timeout_s
        publications: list[Publication] = []
        while not self.session.ready:
            if time.monotonic() > deadline_s:
                raise ConnectionEndedError(f"no answer in MQTT 5 for {timeout_s:.0f} s")
            publications += self.exchange(0.1, reading=True)
        return publications

    def exchange(self, timeout_s: float, *, reading: bool) -> list[Publication]:
        """One round: acknowledge and send, wait, read, keep alive."""
        self.session.acknowledge_settled()
        self._send()
        publications: list[Publication] = []
        if self._wait(timeout_s, reading=reading):
            publications = self.session.feed(self._read())
        self.session.tick(time.monotonic(), reading=reading)
        return publications

    def farewell(self, timeout_s: float) -> None:
        self.session.acknowledge_settled()
        self.session.disconnect()
        self._socket.settimeout(timeout_s)
        self._socket.sendall(self.session.outgoing)

    def close(self) -> None:
        self._selector.close()
        self._socket.close()

    def _wait(self, timeout_s: float, *, reading: bool) -> bool:
        """Return whether there is something to read."""
        if reading and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        wanted = selectors.EVENT_READ if reading else 0
        if self.session.outgoing:
            wanted |= selectors.EVENT_WRITE
        if not wanted:
            time.sleep(timeout_s)
            return False
        if wanted != self._watched:
            self._selector.modify(self._socket, wanted)
            self._watched = wanted
        return any(events & selectors.EVENT_READ for _, events in self._selector.select(timeout_s))

    def _send(self) -> None:
        if self.session.outgoing:
            try:
                sent = self._socket.send(self.session.outgoing)
            except _NOT_NOW:
                return
            del self.session.outgoing[:sent]

    def _read(self) -> bytes:
        if self._last_read_bytes < _LARGE_READ_BYTES:
            time.sleep(_GATHER_S)
        try:
            data = self._socket.recv(_READ_BYTES)
        except _NOT_NOW:
            return b""
        self._last_read_bytes = len(data)
        if not data:
            raise HungUpError("it closed the connection")
        return data


def _patterns(group: str) -> list[str]:
    return [f"pcg/v1/{group}/+/{lane.value}" for lane in _LANES]


def _filter(group: str, lane: Lane) -> mqtt5.TopicFilter:
    # A retained status is wanted once, when the subscription is new; retained audio never.
    handling = (
        mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS
        if lane is Lane.STATUS
        else mqtt5.RetainHandling.SEND_NEVER
    )
    return mqtt5.TopicFilter(
        f"pcg/v1/{group}/+/{lane.value}",
        max_qos=mqtt5.QoS.AT_LEAST_ONCE,
        retain_as_published=False,
        retain_handling=handling,
    )


def complaint(connection: MqttConnection, error: Exception) -> str:
    """Say in one line why the broker cannot be used, and what to do."""
    where = f"MQTT broker {connection.address}"
    match error:
        case CredentialsRefusedError():
            who = "a client without a user name"
            if connection.user is not None:
                who = f"user {connection.user!r} with this password"
            return f"{where} refuses {who} ({error}): check HEARTWARD_MQTT_USER and its password"
        case SubscriptionRefusedError():
            return f"{where} refuses it: {error}; let this user read there in the broker's ACL"
        case SessionTakenOverError():
            return f"{where}: {error}; give each process a name of its own"
        case ssl.SSLError():
            why = f"{where} and this process do not agree on TLS ({error.reason})"
            return f"{why}: check HEARTWARD_MQTT_TLS and HEARTWARD_MQTT_CA_FILE"
        case HungUpError() | ConnectionResetError() | BrokenPipeError():
            how = "that speaks" if connection.tls else "without"
            why = f"{where} closes a connection {how} TLS ({error})"
            return f"{why}: check HEARTWARD_MQTT_TLS and HEARTWARD_MQTT_PORT"
        case _:
            reason = (isinstance(error, OSError) and error.strerror) or error
            why = f"{where} cannot be used ({reason})"
            return f"{why}: start it, or check HEARTWARD_MQTT_HOST and HEARTWARD_MQTT_PORT"
