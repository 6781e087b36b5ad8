"""Who is told of which alarm, how often it is tried, and what is never told."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail

from dashboards.console.history.batches import Batch, write
from dashboards.console.notifications import channels, errand, messenger
from dashboards.console.notifications.channels import DeliveryError, deliver, sentence
from dashboards.console.notifications.messenger import Messenger
from dashboards.console.notifications.models import Delivery, Rule
from dashboards.console.notifications.rules import fits, is_told, message_of
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.examples import NOW_US

pytestmark = pytest.mark.django_db


class _Server:
    """A webhook that fails as often as it is told to."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.failures = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 503 if server.failures else 200
                server.failures = max(0, server.failures - 1)
                if status == 200:
                    server.got.append(json.loads(body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._http = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._http.server_port}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def webhook() -> Iterator[_Server]:
    server = _Server()
    yield server
    server.close()


def _rule(**given: Any) -> Rule:
    values = {"name": "desk", "channel": "webhook", "address": "http://127.0.0.1:9/"} | given
    made: Rule = Rule.objects.create(**values)
    return made


def test_a_message_names_bed_and_condition_and_never_the_patient() -> None:
    message = message_of(examples.event())
    assert (message["bed"], message["condition"]) == ("1", "Heart rate high")
    assert "p-west-1" not in json.dumps(message)
    assert sentence(message) == "MEDIUM: Heart rate high, ward west, bed 1: HR 134 > 120"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, True),
        ({"rings": False}, False),
        ({"late": True}, False),
        ({"transition": "acknowledged"}, False),
        ({"transition": "escalated", "rings": False}, True),
    ],
)
def test_what_rings_now_is_told(given: dict[str, Any], *, told: bool) -> None:
    assert is_told(examples.event(**given)) is told


@pytest.mark.parametrize(
    ("rule", "fit"),
    [
        ({"priority": "high"}, False),
        ({"priority": "medium"}, True),
        ({"priority": "low", "ward": "west"}, True),
        ({"priority": "low", "ward": "east"}, False),
        ({"priority": "low", "escalation": 1}, False),
    ],
)
def test_a_rule_chooses_by_ward_priority_and_escalation(rule: dict[str, Any], *, fit: bool) -> None:
    assert fits(Rule(**rule), examples.event()) is fit


def test_an_event_that_is_read_twice_is_told_once(webhook: _Server) -> None:
    _rule(address=webhook.address, priority="medium")
    for _ in range(2):
        write(Batch([], [examples.event()], []))
    Messenger().step(10 * NOW_US)
    Messenger().step(10 * NOW_US)
    assert [message["bed"] for message in webhook.got] == ["1"]


def test_what_does_not_arrive_is_tried_again_later_and_logged(webhook: _Server) -> None:
    webhook.failures = 2
    _rule(address=webhook.address, priority="medium")
    write(Batch([], [examples.event()], []))
    now_us = Delivery.objects.get().created_us
    assert Messenger().step(now_us) == 0
    assert Messenger().step(now_us + 1_000_000) == 0  # not due yet
    waiting = Delivery.objects.get()
    assert (waiting.attempts, waiting.state) == (1, "waiting")
    assert "503" in waiting.answer
    assert Messenger().step(now_us + 3_000_000) == 0
    assert Messenger().step(now_us + 60_000_000) == 1
    assert Delivery.objects.get().state == "delivered"
    assert len(webhook.got) == 1


def test_what_never_arrives_is_given_up_in_the_end() -> None:
    _rule(channel="mqtt", address="mqtt://127.0.0.1:1/alarms", priority="medium")
    write(Batch([], [examples.event()], []))
    for turn in range(10):
        Messenger().step(NOW_US * 2 + turn * 10**12)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("given up", 8)
    assert delivery.answer


def test_mail_says_it_in_the_subject() -> None:
    deliver("mail", "desk@example.org", message_of(examples.event()))
    (sent,) = mail.outbox
    assert sent.subject == "Heartward: MEDIUM: Heart rate high, ward west, bed 1: HR 134 > 120"
    assert "not a medical device" in sent.body


@pytest.mark.parametrize(
    ("channel", "address"),
    [("webhook", "file:///etc/passwd"), ("mqtt", "mqtt://host"), ("mqtt", "http://host/x")],
)
def test_an_address_of_another_kind_is_refused(channel: str, address: str) -> None:
    with pytest.raises(DeliveryError, match="is no"):
        deliver(channel, address, message_of(examples.event()))


@pytest.fixture
def peer() -> Iterator[Any]:
    """Makes a server that takes a connection, says this and no more, and keeps it."""
    with contextlib.ExitStack() as opened:

        def serve(says: bytes) -> int:
            server = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            threading.Thread(target=answer, args=(server, says), daemon=True).start()
            return int(server.getsockname()[1])

        def answer(server: socket.socket, says: bytes) -> None:
            with contextlib.suppress(OSError):
                connection = opened.enter_context(server.accept()[0])
                connection.sendall(says)

        yield serve


@pytest.mark.parametrize(
    ("channel", "address", "says", "why"),
    [
        ("webhook", "http://127.0.0.1:{}/", b"\x00\xff no HTTP\r\n\r\n", "no HTTP"),
        ("webhook", "http://127.0.0.1:{}/", b"", "timed out"),
        ("mqtt", "mqtt://127.0.0.1:{}/alarms", b"", "no answer within"),
        ("mqtt", "mqtt://127.0.0.1:{}/alarms", b"\x20\x02\x00\x05", "Not authorized"),
    ],
    ids=["other protocol", "silent webhook", "silent broker", "refusing broker"],
)
def test_a_peer_that_misbehaves_is_a_failure_in_time(
    peer: Any, monkeypatch: pytest.MonkeyPatch, channel: str, address: str, says: bytes, why: str
) -> None:
    monkeypatch.setattr(channels, "_TIMEOUT_S", 1.0)
    with pytest.raises(DeliveryError, match=why):
        deliver(channel, address.format(peer(says)), message_of(examples.event()))


def test_a_head_of_a_mail_is_one_line_whatever_a_bed_is_called() -> None:
    message = message_of(examples.event()) | {"bed": "1\nBcc: all@example.org"}
    deliver("mail", "desk@example.org", message)
    (sent,) = mail.outbox
    assert "\n" not in sent.subject
    assert sent.recipients() == ["desk@example.org"]


def test_an_address_that_keeps_its_connection_delays_no_other(
    webhook: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put off after a while, and not called again before it has let go."""
    let_go = threading.Event()

    def deliver_or_hang(channel: str, _address: str, message: Any) -> str:
        if channel == "mqtt" and not let_go.is_set():
            let_go.wait()
        return deliver("webhook", webhook.address, message)

    monkeypatch.setattr(errand, "deliver", deliver_or_hang)
    monkeypatch.setattr(messenger, "_WAIT_S", 0.3)
    _rule(name="hangs", channel="mqtt", address="mqtt://127.0.0.1:1/x", priority="medium")
    _rule(name="works", address=webhook.address, priority="medium")
    write(Batch([], [examples.event()], []))
    now_us = Delivery.objects.latest("created_us").created_us
    sender = Messenger()
    assert sender.step(now_us) == 1
    assert len(webhook.got) == 1
    assert sender.step(now_us + 51_000_000) == 0
    hung = Delivery.objects.get(rule__name="hangs")
    assert (hung.state, hung.attempts) == ("waiting", 1)
    assert "no answer" in hung.answer
    assert sender.step(now_us + 90_000_000) == 0
    let_go.set()
    monkeypatch.setattr(messenger, "_WAIT_S", 5.0)
    assert sender.step(now_us + 91_000_000) == 0  # what was put off is not settled twice
    assert sender.step(now_us + 92_000_000) == 1
    assert Delivery.objects.get(rule__name="hangs").state == "delivered"
