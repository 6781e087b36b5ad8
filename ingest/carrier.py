"""Who travels on which connection: a device on one of its own, or many on a shared one."""

import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from selectors import BaseSelector

import mqtt5

from ingest.chunk import DeviceTopic, Lane, decode_ack
from ingest.connections import MqttConnection
from ingest.device_link import DeviceLink
from ingest.mqtt_session import KEEP_ALIVE_S, Publication
from ingest.mqtt_source import complaint
from ingest.traces import Step, Tracing
from ingest.wearable_model import Outgoing, Wearable
from models.errors import ChunkError, UserError
from models.logs import about

_CONNECT_TIMEOUT_S = 5.0

_log = logging.getLogger(__name__)


class Broker:
    """The broker as all connections see it.

    Raises
    ------
    UserError
        If nothing listens at its address.
    """

    def __init__(
        self,
        connection: MqttConnection,
        selector: BaseSelector,
        *,
        tracing: Tracing | None = None,
    ) -> None:
        self.connection = connection
        self.tracing = tracing
        self.selector = selector
        self.was_reached = False
        try:
            probe = socket.create_connection((connection.host, connection.port), _CONNECT_TIMEOUT_S)
        except OSError as error:
            raise UserError(complaint(connection, error)) from None
        with probe:
            self.address = (probe.family, probe.getpeername())

    def hello(self, client_id: str, last_will: Outgoing | None) -> mqtt5.ConnectPacket:
        """A clean session: what must survive it the device keeps.

        With a password and no user each device logs in under its own id, as brokers demand that
        hold a device to its own topics.
        """
        secret = self.connection.secret()
        own_name = None if secret is None else client_id
        will = last_will and mqtt5.Will(
            last_will.topic,
            payload=last_will.payload,
            qos=mqtt5.QoS.AT_LEAST_ONCE,
            retain=last_will.retain,
        )
        return mqtt5.ConnectPacket(
            client_id,
            username=self.connection.user or own_name,
            password=None if secret is None else secret.encode(),
            clean_start=True,
            will=will,
            keep_alive=KEEP_ALIVE_S,
        )

    def away(self, error: Exception) -> None:
        """Say that it is; before it was ever reached that is the user's to mend."""
        if not self.was_reached:
            raise UserError(complaint(self.connection, error)) from None
        _log.warning("MQTT broker %s is away (%s)", self.connection.address, error)


class Carrier:
    """One link, the wearables on it, and what each tells the other.

    A link of its own carries the device's last will and is cut whenever the device loses its
    network. A shared link stays; what the broker would say of such a device is said for it.
    """

    def __init__(
        self,
        broker: Broker,
        wearables: Sequence[Wearable],
        *,
        now_us: Callable[[], int],
        shared_as: str | None = None,
        topics: Sequence[str],
        hears: Mapping[str, Wearable],
    ) -> None:
        self._broker = broker
        self._wearables = wearables
        self._now_us = now_us
        self._shared_as = shared_as
        self._hears = hears
        self._unreachable = {wearable.device_id for wearable in wearables}
        self.link = DeviceLink(
            broker.address,
            broker.connection,
            hello=self._hello,
            topics=topics,
            selector=broker.selector,
            owner=self,
        )

    def tick(self) -> None:
        """Keep the connection while anyone wants it."""
        wanted = self._shared_as is not None or any(w.is_reachable for w in self._wearables)
        self.link.tick(time.monotonic(), wanted=wanted)
        refusal = self.link.take_refusal()
        if refusal is not None:
            _log.warning(
                "MQTT broker %s refuses what %s publishes (%s): check its ACL and its limits",
                self._broker.connection.address,
                self._client_id,
                refusal,
                extra=about(device=self._client_id),
            )

    def follow(self, wearable: Wearable) -> None:
        """Let the connection share what has become of a device's network."""
        known = wearable.device_id not in self._unreachable
        if wearable.is_reachable == known:
            return
        if wearable.is_reachable:
            self._unreachable.remove(wearable.device_id)
        else:
            self._unreachable.add(wearable.device_id)
        if self._shared_as is None:
            self.tick()
        elif not wearable.is_reachable:
            self.link.send(wearable.offline(self._now_us()))

    def send(self, wearable: Wearable, message: Outgoing) -> None:
        """Publish, unless the device has lost its network since."""
        if not wearable.is_reachable:
            return
        if self._broker.tracing is not None and not message.retain:
            now_us = self._now_us()
            sent = Step("device: published", now_us, now_us)
            trace = self._broker.tracing.tell(None, sent, device=wearable.device_id)
            message = message._replace(trace=trace)
        self.link.send(message)

    def farewell(self) -> None:
        for wearable in self._wearables:
            self.link.send(wearable.offline(self._now_us()))

    def on_up(self) -> None:
        self._broker.was_reached = True
        for wearable in self._wearables:
            wearable.on_connected(self._now_us())

    def on_down(self, error: Exception | None) -> None:
        for wearable in self._wearables:
            wearable.on_disconnected(self._now_us())
        if error is not None:
            self._broker.away(error)

    def on_message(self, publication: Publication) -> None:
        wearable = self._hears.get(publication.topic)
        if wearable is None:
            return
        try:
            wearable.on_ack(decode_ack(publication.payload), self._now_us())
        except ChunkError as error:
            whose = about(device=wearable.device_id)
            _log.warning("an ack on %s is ignored: %s", publication.topic, error, extra=whose)

    @property
    def _client_id(self) -> str:
        return self._shared_as or self._wearables[0].device_id

    def _hello(self) -> mqtt5.ConnectPacket:
        own_will = self._wearables[0].offline(self._now_us()) if self._shared_as is None else None
        return self._broker.hello(self._client_id, own_will)


def own_carriers(
    broker: Broker, wearables: Sequence[Wearable], now_us: Callable[[], int]
) -> list[Carrier]:
    """Give each device a connection, as it has in a ward."""
    return [
        Carrier(
            broker,
            [wearable],
            now_us=now_us,
            topics=[wearable.ack_topic],
            hears={wearable.ack_topic: wearable},
        )
        for wearable in wearables
    ]


def shared_carriers(
    broker: Broker, wearables: Sequence[Wearable], now_us: Callable[[], int], names: Sequence[str]
) -> list[Carrier]:
    """Spread many devices over a few connections; device n travels on connection n modulo those.

    The first hears the acks for all, through one wildcard for each group: an exact topic for each
    device has rumqttd compare every topic with every other, for many seconds at some thousands.
    """
    groups = sorted({wearable.group for wearable in wearables})
    patterns = [str(DeviceTopic(group, "+", Lane.ACK)) for group in groups]
    everyone = {wearable.ack_topic: wearable for wearable in wearables}
    return [
        Carrier(
            broker,
            wearables[number :: len(names)],
            now_us=now_us,
            shared_as=name,
            topics=[] if number else patterns,
            hears={} if number else everyone,
        )
        for number, name in enumerate(names)
    ]
