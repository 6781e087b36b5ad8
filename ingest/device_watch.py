"""``heartward devices check ID``: listen to one device on the broker and say what it does wrong.

Nothing is published, and the subscription is our own: neither device nor bridge notices.
"""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Queue
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ingest.chunk import is_device_id
from ingest.connections import MqttConnection
from ingest.device_check import DeviceCheck, Outcome
from ingest.device_findings import Finding, Verdict
from ingest.mqtt_session import (
    ConnectionEndedError,
    CredentialsRefusedError,
    HungUpError,
    SubscriptionRefusedError,
)
from ingest.mqtt_source import complaint
from ingest.signals import times_asked_to_end
from models.errors import UserError

# A broker tells what it retains to whoever subscribes anew; rumqttd only to a new connection.
_ASK_RETAINED_EVERY_S, _ASK_RETAINED_FOR_S = 10.0, 0.5
_LOOK_UP_EVERY_S = 0.1  # whether we were asked to end
_NOT_LET_IN = ("Bad user name or password", "Not authorized")
_COLOURS = {Verdict.KEPT: "green", Verdict.BROKEN: "red", Verdict.NOT_SHOWN: "yellow"}


def run_check(
    device_id: str, mqtt: MqttConnection, seconds: float = 60.0, *, as_json: bool = False
) -> int:
    """Watch a device, print which rules of the wire it keeps, and return the exit code.

    Ends early once every rule was seen, and at Ctrl-C with what was seen until then. The code is
    0 when nothing is broken, 1 when something is, 2 when the device was not heard.

    Raises
    ------
    UserError
        If `device_id` is none, or the broker cannot be reached or does not let us in.
    """
    if not is_device_id(device_id):
        raise UserError(f"{device_id!r} is no device id: 1 to 64 characters from A-Z a-z 0-9 _ -")
    aside = Console(stderr=True, soft_wrap=True)
    since_s = time.monotonic()
    doing = f"watching {device_id} for at most {seconds:.0f} s; Ctrl-C ends it early"
    with aside.status(doing), times_asked_to_end() as asked:
        check = watch(device_id, mqtt, seconds, asked)
    findings, outcome = check.report(_now_us()), check.outcome(_now_us())
    if as_json:
        rules = [finding._asdict() for finding in findings]
        print(json.dumps({"device_id": device_id, "outcome": outcome.name, "rules": rules}))  # noqa: T201
    elif outcome is Outcome.NOT_HEARD:
        waited_s = time.monotonic() - since_s
        aside.print(
            f"nothing heard of {device_id} on {mqtt.address} in {waited_s:.0f} s: is it switched "
            f"on, does it publish to pcg/v1/GROUP/{device_id}/audio, and does the broker let it in?"
        )
    else:
        Console().print(_table(device_id, findings))
    return outcome


def watch(
    device_id: str, connection: MqttConnection, seconds: float, asked: Callable[[], int] = int
) -> DeviceCheck:
    """Feed all on the device's topics into a check: for so long, or until all is shown.

    It ends early once `asked` says more than 0: how often it was asked to.
    """
    check = DeviceCheck(device_id, now_us=_now_us())
    topics = f"pcg/v1/+/{device_id}/#"
    end_s = time.monotonic() + seconds
    with _Listener(topics, connection) as listener:
        while (now_s := time.monotonic()) < end_s and not asked():
            with suppress(UserError), _Listener(topics, connection) as anew:
                anew.feed(check, now_s + _ASK_RETAINED_FOR_S, asked, retained_only=True)
            listener.feed(check, min(now_s + _ASK_RETAINED_EVERY_S, end_s), asked)
            if all(f.verdict is not Verdict.NOT_SHOWN for f in check.report(_now_us())):
                break
    return check


class _Listener:
    """A subscription whose messages wait, with their time of arrival, to be taken one by one."""

    def __init__(self, topics: str, connection: MqttConnection) -> None:
        self._topics = topics
        self._connection = connection
        self._was_let_in = False
        # A SimpleQueue of Python 3.11 may wait for ever when a signal comes as its time runs out.
        self._heard: Queue[tuple[int, paho.MQTTMessage | UserError | None]] = Queue()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"heartward-check-{secrets.token_hex(4)}",
            protocol=paho.MQTTv5,
        )
        if connection.user is not None:
            self._client.username_pw_set(connection.user, connection.secret())
        if (context := connection.ssl_context()) is not None:
            self._client.tls_set_context(context)
        self._client.reconnect_delay_set(1, 4)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = lambda _client, _data, message: self._put(message)
        try:
            self._client.connect(connection.host, connection.port)
        except OSError as error:
            raise UserError(complaint(connection, error)) from None

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def feed(
        self,
        check: DeviceCheck,
        until_s: float,
        asked: Callable[[], int],
        *,
        retained_only: bool = False,
    ) -> None:
        """Pass on what is heard until then, by the monotonic clock, or until asked to end."""
        while (left_s := until_s - time.monotonic()) > 0 and not asked():
            try:
                at_us, heard = self._heard.get(timeout=min(left_s, _LOOK_UP_EVERY_S))
            except Empty:
                continue
            if isinstance(heard, UserError):
                raise heard
            if heard is None:
                check.interrupted(at_us)
            elif heard.retain or not retained_only:
                payload = bytes(heard.payload)
                check.step(at_us, heard.topic, payload, qos=heard.qos, retained=heard.retain)

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _: Any
    ) -> None:
        if reason.is_failure:
            kind = CredentialsRefusedError if reason in _NOT_LET_IN else ConnectionEndedError
            self._put(UserError(complaint(self._connection, kind(str(reason)))))
            return
        self._was_let_in = True
        # QoS 2 and retain-as-published show both as the device has set them.
        options = SubscribeOptions(qos=2, retainAsPublished=True)
        client.subscribe(self._topics, options=options)

    def _on_disconnect(self, *_: Any) -> None:
        """Lost once let in, it comes back; closed before a word, it has nothing to say to us."""
        hung_up = HungUpError("it closed the connection")
        self._put(None if self._was_let_in else UserError(complaint(self._connection, hung_up)))

    def _on_subscribe(self, _client: Any, _data: Any, _id: Any, reasons: Any, _: Any) -> None:
        if reasons[0].is_failure:
            refusal = SubscriptionRefusedError(f"{reasons[0]}: subscribe {self._topics}")
            self._put(UserError(complaint(self._connection, refusal)))

    def _put(self, heard: paho.MQTTMessage | UserError | None) -> None:
        self._heard.put((_now_us(), heard))


def _now_us() -> int:
    return time.time_ns() // 1000


def _table(device_id: str, findings: list[Finding]) -> Table:
    table = Table(title=f"Device {device_id}", title_justify="left")
    for column in ("rule", "verdict", "evidence"):
        table.add_column(column, overflow="fold")
    for rule, verdict, evidence in findings:
        table.add_row(rule, f"[{_COLOURS[verdict]}]{verdict.value}", escape(evidence))
    return table
