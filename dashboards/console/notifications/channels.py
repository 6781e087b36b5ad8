"""How a message gets to somebody: webhook, e-mail, MQTT. Each says why it could not."""

import http.client
import json
import smtplib
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from django.core.mail import send_mail
from paho.mqtt.enums import CallbackAPIVersion

_TIMEOUT_S = 8.0
_MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class DeliveryError(Exception):
    """It did not get there; it may be worth another try."""


def deliver(channel: str, address: str, message: Mapping[str, Any]) -> str:
    """Send it and return what was answered.

    Raises
    ------
    DeliveryError
        In one line, why it did not get there.
    """
    return {"webhook": _post, "mail": _mail, "mqtt": _publish}[channel](address, message)


def sentence(message: Mapping[str, Any]) -> str:
    """The message in one line: ``HIGH: Heart rate high, ward west, bed 4: HR 134 > 120``."""
    again = f" (escalation {message['escalation']})" if message["escalation"] else ""
    where = f"ward {message['ward']}, bed {message['bed']}" if message["bed"] else message["device"]
    said = f"{message['priority'].upper()}{again}: {message['condition']}, {where}: "
    return " ".join(f"{said}{message['cause']}".split())  # a head of a mail is one line


def _post(address: str, message: Mapping[str, Any]) -> str:
    if urlsplit(address).scheme not in ("http", "https"):
        raise DeliveryError(f"{address} is no http(s) address")
    request = urllib.request.Request(  # noqa: S310 (the scheme was looked at)
        address,
        data=json.dumps({**message, "text": sentence(message)}).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "heartward"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return f"{answer.status}"
    except http.client.HTTPException:
        raise DeliveryError("what was answered is no HTTP") from None
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise DeliveryError(str(error)) from None


def _mail(address: str, message: Mapping[str, Any]) -> str:
    text = f"{sentence(message)}\n\n{message['at']}\n\n{message['disclaimer']}\n"
    try:
        send_mail(f"Heartward: {sentence(message)}"[:180], text, None, [address])
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise DeliveryError(str(error)) from None
    return "accepted"


def _publish(address: str, message: Mapping[str, Any]) -> str:
    parts = urlsplit(address)
    topic = parts.path.lstrip("/")
    if parts.scheme not in _MQTT_PORTS or not parts.hostname or not topic:
        raise DeliveryError(f"{_without_password(address)} is no mqtt(s)://HOST:PORT/TOPIC")
    told = _Told(topic, json.dumps({**message, "text": sentence(message)}))
    client = told.client()
    if parts.username:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    if parts.scheme == "mqtts":
        client.tls_set()
    try:
        client.connect(parts.hostname, parts.port or _MQTT_PORTS[parts.scheme])
        client.loop_start()
        told.over.wait(_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise DeliveryError(str(error)) from None
    finally:
        client.disconnect()
        client.loop_stop()
    if told.refusal is not None:
        raise DeliveryError(told.refusal)
    return "published"


def _without_password(address: str) -> str:
    return address.rpartition("@")[2]


class _Told:
    """One message for a broker, until that has acknowledged or refused it.

    paho's own `publish.single` waits for ever for a broker that accepts the connection and says
    nothing.
    """

    def __init__(self, topic: str, payload: str) -> None:
        self._topic = topic
        self._payload = payload
        self.over = threading.Event()
        self.refusal: str | None = f"no answer within {_TIMEOUT_S:g} s"

    def client(self) -> paho.Client:
        made = paho.Client(CallbackAPIVersion.VERSION2)
        made.connect_timeout = _TIMEOUT_S
        made.on_connect = self._on_connect
        made.on_publish = self._on_publish
        return made

    def _on_connect(self, client: paho.Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            self.refusal = str(reason)
            self.over.set()
        else:
            client.publish(self._topic, self._payload, qos=1)

    def _on_publish(self, *_: Any) -> None:
        self.refusal = None
        self.over.set()
