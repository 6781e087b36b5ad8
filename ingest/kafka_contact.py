"""The first contact with Kafka: quiet, bounded in time, and in one line where it fails."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from ingest.connections import KafkaConnection
from models.errors import UserError

# librdkafka says for each attempt where and in what state of its own: nothing a reader needs.
_WHERE = re.compile(r"^(\[thrd:[^\]]*\]: )?\S+/(bootstrap|-?\d+): ")
_STATE = re.compile(r" \(after \d+ms in state .*$", re.DOTALL)
_CLOSED = "Disconnected"
_STEP_S, _PAUSE_S = 1.0, 0.1
_HANG_UPS_BELIEVED = 3
# Another attempt does not help, so the first of these ends the waiting.
_FINAL = (KafkaError._AUTHENTICATION, KafkaError._SSL)  # noqa: SLF001 (they have no other name)


class FirstContact:
    """Holds back what librdkafka logs until Kafka has answered once, and keeps the reasons.

    It is `logger` and, by `noticed`, `error_cb` of one client; both are called when that is
    polled. What it does not hold back goes to `log_to`.
    """

    def __init__(self, connection: KafkaConnection, log_to: logging.Logger) -> None:
        self._connection = connection
        self._log_to = log_to
        self._is_waiting = False
        self._errors: list[KafkaError] = []
        self._hang_ups = 0

    def log(self, level: int, message: str, *given: object) -> None:
        """Take a line of librdkafka's log."""
        if any(_CLOSED in str(part) for part in given):  # brokers close what is idle, too
            self._hang_ups += self._is_waiting
        elif not self._is_waiting:
            self._log_to.log(level, message, *given)

    def noticed(self, error: KafkaError) -> None:
        """Take an error that librdkafka reports."""
        if self._is_waiting:
            self._errors.append(error)

    def wait(self, client: Any, timeout_s: float) -> Any:
        """Return what the client learns of topics and brokers.

        Raises
        ------
        UserError
            In one line, when Kafka does not answer in time or does not want us.
        """
        self._is_waiting = True
        deadline_s = time.monotonic() + timeout_s
        last = "no answer"
        while (left_s := deadline_s - time.monotonic()) > 0 and not self._is_hopeless():
            try:
                metadata = client.list_topics(timeout=min(left_s, _STEP_S))
            except KafkaException as error:
                last = error.args[0].str()
                client.poll(_PAUSE_S)  # reasons come as events
            else:
                self._is_waiting = False
                return metadata
        raise UserError(complaint(self._connection, self._errors, self._hang_ups, last))

    def _is_hopeless(self) -> bool:
        final = any(error.code() in _FINAL for error in self._errors)
        return final or self._hang_ups >= _HANG_UPS_BELIEVED


def complaint(
    connection: KafkaConnection, errors: Sequence[KafkaError], hang_ups: int, otherwise: str
) -> str:
    """Say in one line why Kafka cannot be used, and what to do; the first reason is the best."""
    where = f"Kafka {connection.address}"
    reasons: dict[int, str] = {}
    for error in errors:
        reasons.setdefault(error.code(), _plain(error))
    refusal = reasons.get(KafkaError._AUTHENTICATION)  # noqa: SLF001 (as above)
    if refusal is not None:
        return f"{where} {_refused(connection, refusal)}"
    tls = reasons.get(KafkaError._SSL)  # noqa: SLF001 (as above)
    if tls is not None:
        why = f"{where} and this process do not agree on TLS ({tls})"
        return f"{why}: check HEARTWARD_KAFKA_TLS and HEARTWARD_KAFKA_CA_FILE"
    if hang_ups >= _HANG_UPS_BELIEVED:
        return f"{where} {_hung_up(connection)}"
    reasons.pop(KafkaError._ALL_BROKERS_DOWN, None)  # noqa: SLF001 (says no reason)
    if connection.tls and not reasons:  # not even that it could not be reached
        why = f"{where} gives a client that speaks TLS no answer ({otherwise})"
        return f"{why}: check HEARTWARD_KAFKA_TLS and HEARTWARD_KAFKA_SERVERS"
    why = next(iter(reasons.values()), otherwise)
    return f"{where} cannot be used ({why}): start it, or check HEARTWARD_KAFKA_SERVERS"


def require_kafka(
    connection: KafkaConnection,
    *,
    timeout_s: float = 8.0,
    new_client: Callable[[dict[str, Any]], Any] = Producer,
) -> None:
    """Make sure that Kafka is there and lets us in; raises `UserError` in one line."""
    contact = FirstContact(connection, logging.getLogger(__name__))
    client = new_from(connection, {}, contact, new_client)
    contact.wait(client, timeout_s)


def new_from(
    connection: KafkaConnection,
    settings: dict[str, Any],
    contact: FirstContact,
    new_client: Callable[[dict[str, Any]], Any],
) -> Any:
    """Make a client of confluent-kafka that tells `contact` what goes wrong.

    Raises
    ------
    UserError
        When the library cannot use the settings.
    """
    # A broker that closes a connection at once gives no other sign of why.
    told = {"error_cb": contact.noticed, "logger": contact, "log.connection.close": True}
    try:
        return new_client(connection.confluent() | told | settings)
    except KafkaException as error:
        raise UserError(
            f"Kafka {connection.address} cannot be used with these settings "
            f"({error.args[0].str()}): check those that begin with HEARTWARD_KAFKA_"
        ) from None


def _refused(connection: KafkaConnection, refusal: str) -> str:
    if "current SASL state" in refusal:
        return (
            f"lets in anybody at this address, so it refuses user {connection.user!r} ({refusal}): "
            "leave HEARTWARD_KAFKA_USER out, or give its address for users"
        )
    if "mechanism" in refusal.lower():
        return (
            f"does not take {connection.sasl_mechanism} ({refusal}): "
            "check HEARTWARD_KAFKA_SASL_MECHANISM"
        )
    return (
        f"refuses user {connection.user!r} with this password ({refusal}): "
        "check HEARTWARD_KAFKA_USER and its password"
    )


def _hung_up(connection: KafkaConnection) -> str:
    if connection.tls and connection.user:
        return "closes every connection that speaks TLS: check HEARTWARD_KAFKA_TLS"
    if connection.tls:
        return (
            "closes every connection that speaks TLS without a user: perhaps it wants "
            "HEARTWARD_KAFKA_USER and a password, or no HEARTWARD_KAFKA_TLS"
        )
    if connection.user:
        return "closes every connection without TLS: check HEARTWARD_KAFKA_TLS"
    return (
        "closes every connection without a user and TLS: perhaps it wants HEARTWARD_KAFKA_USER "
        "and a password, or HEARTWARD_KAFKA_TLS"
    )


def _plain(error: KafkaError) -> str:
    return _STATE.sub("", _WHERE.sub("", error.str()))
