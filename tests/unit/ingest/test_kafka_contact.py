"""The first contact is quiet, ends early where waiting is in vain, and names the first reason."""

import logging
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from ingest.connections import KafkaConnection, load
from ingest.kafka_contact import FirstContact, complaint, new_from, require_kafka
from models.errors import UserError

_LOG = logging.getLogger("test")
_DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
_REFUSED = KafkaError(
    KafkaError._TRANSPORT,
    "k:1/bootstrap: Connect to ipv4#1.2.3.4:1 failed: Connection refused (after 0ms in state X)",
)
_WRONG_PASSWORD = KafkaError(
    KafkaError._AUTHENTICATION,
    "sasl_plaintext://k:1/bootstrap: SASL authentication error: no (after 3ms in state AUTH_REQ)",
)
_NO_TLS = KafkaError(KafkaError._SSL, "ssl://k:1/bootstrap: SSL handshake failed: odd")
_LINE = ("%s [%s] %s", "FAIL", "x", "k:1/bootstrap: Disconnected (after 1ms in state UP)")


@pytest.fixture
def kafka() -> KafkaConnection:
    return load(KafkaConnection, {"servers": "k:1", "user": "u", "password": "p"})


class Client:
    """Answers after some attempts; every attempt before logs and reports."""

    def __init__(self, settings: dict[str, Any], reports: list[KafkaError]) -> None:
        self._contact: FirstContact = settings["logger"]
        self._noticed = settings["error_cb"]
        self._reports = reports
        self.attempts = 0

    def list_topics(self, timeout: float) -> str:
        assert timeout > 0
        self.attempts += 1
        if self.attempts <= len(self._reports):
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return "metadata"

    def poll(self, _timeout_s: float) -> None:
        self._noticed(self._reports[self.attempts - 1])
        self._contact.log(logging.ERROR, "%s", "noise")


def test_keeps_the_log_quiet_until_kafka_has_answered(
    kafka: KafkaConnection, caplog: pytest.LogCaptureFixture
) -> None:
    contact = FirstContact(kafka, _LOG)
    client = new_from(kafka, {}, contact, lambda settings: Client(settings, [_REFUSED, _DOWN]))
    assert contact.wait(client, 5.0) == "metadata"
    assert not caplog.records
    contact.log(logging.ERROR, "%s", "Disconnected (after 600000ms in state UP)")
    contact.log(logging.ERROR, "%s", "now it may speak")
    assert [record.getMessage() for record in caplog.records] == ["now it may speak"]


def test_a_broker_that_hangs_up_over_and_over_is_not_waited_for(kafka: KafkaConnection) -> None:
    class Closing(Client):
        def poll(self, _timeout_s: float) -> None:
            self._contact.log(logging.INFO, *_LINE)

    with pytest.raises(UserError, match="closes every connection without TLS"):
        require_kafka(kafka, new_client=lambda settings: Closing(settings, [_DOWN] * 99))


@pytest.mark.parametrize("reason", [_WRONG_PASSWORD, _NO_TLS])
def test_a_refusal_is_told_at_once(kafka: KafkaConnection, reason: KafkaError) -> None:
    clients: list[Client] = []

    def new_client(settings: dict[str, Any]) -> Client:
        clients.append(Client(settings, [_DOWN, reason, _DOWN, _DOWN]))
        return clients[-1]

    with pytest.raises(UserError, match=r"Kafka k:1 .*check HEARTWARD_KAFKA_"):
        require_kafka(kafka, new_client=new_client)
    assert clients[0].attempts == 2


@pytest.mark.parametrize(
    ("errors", "hang_ups", "said"),
    [
        ([_DOWN], 0, "Kafka k:1 cannot be used (silence): start it, or check HEARTWARD_KAFKA_SER"),
        ([_DOWN, _REFUSED], 0, "(Connect to ipv4#1.2.3.4:1 failed: Connection refused): start it"),
        ([_REFUSED, _WRONG_PASSWORD], 0, "refuses user 'u' with this password (SASL authenticati"),
        (
            [_NO_TLS],
            0,
            "do not agree on TLS (SSL handshake failed: odd): check HEARTWARD_KAFKA_TLS",
        ),
        ([_DOWN], 3, "closes every connection without TLS: check HEARTWARD_KAFKA_TLS"),
    ],
)
def test_the_reason_is_kept_without_the_states_of_the_library(
    errors: list[KafkaError], hang_ups: int, said: str, kafka: KafkaConnection
) -> None:
    assert said in complaint(kafka, errors, hang_ups, "silence")


def test_hang_ups_of_a_broker_that_wants_a_user_are_told_as_such() -> None:
    kafka = load(KafkaConnection, {"servers": "k:1"})
    assert "perhaps it wants HEARTWARD_KAFKA_USER" in complaint(kafka, [], 3, "silence")


@pytest.mark.parametrize(
    ("hang_ups", "said"),
    [(0, "gives a client that speaks TLS no answer"), (3, "perhaps it wants HEARTWARD_KAFKA_USER")],
)
def test_tls_in_vain_is_named_as_a_likely_cause(hang_ups: int, said: str) -> None:
    kafka = load(KafkaConnection, {"servers": "k:1", "tls": True})
    complained = complaint(kafka, [_DOWN], hang_ups, "silence")
    assert said in complained
    assert "HEARTWARD_KAFKA_TLS" in complained


def test_settings_that_the_library_refuses_are_told_in_one_line() -> None:
    kafka = KafkaConnection.model_construct(user="u", tls=False)
    with pytest.raises(UserError, match=r"cannot be used with these settings \(.*sasl.password"):
        require_kafka(kafka)
