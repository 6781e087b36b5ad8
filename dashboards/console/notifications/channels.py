"""How a message gets to somebody: webhook, e-mail, MQTT. Each says why it could not."""

import json
import smtplib
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.publish
from django.core.mail import send_mail

_TIMEOUT_S = 8.0


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
    return f"{message['priority'].upper()}{again}: {message['condition']}, {where}: " + str(
        message["cause"]
    )


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
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise DeliveryError(str(error)) from None


def _mail(address: str, message: Mapping[str, Any]) -> str:
    text = f"{sentence(message)}\n\n{message['at']}\n\n{message['disclaimer']}\n"
    try:
        send_mail(f"Heartward: {sentence(message)}"[:180], text, None, [address])
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryError(str(error)) from None
    return "accepted"


def _publish(address: str, message: Mapping[str, Any]) -> str:
    parts = urlsplit(address)
    topic = parts.path.lstrip("/")
    if parts.scheme != "mqtt" or not parts.hostname or not topic:
        raise DeliveryError(f"{address} is no mqtt://HOST:PORT/TOPIC")
    auth = {"username": parts.username, "password": parts.password} if parts.username else None
    try:
        paho.mqtt.publish.single(
            topic,
            json.dumps({**message, "text": sentence(message)}),
            qos=1,
            hostname=parts.hostname,
            port=parts.port or 1883,
            auth=auth,  # type: ignore[arg-type]
        )
    except (OSError, ValueError, paho.mqtt.MQTTException) as error:
        raise DeliveryError(str(error)) from None
    return "published"
