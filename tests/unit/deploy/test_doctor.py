"""Each check names what it saw and what to do; what was not asked for is not a failure."""

import http.server
import json
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import pytest

from deploy import doctor
from deploy.doctor import Verdict, examine
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection, load
from models.errors import ModelError
from models.registry import Registry
from stream_processors.records import Heartbeat


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def _verdicts(influx: InfluxConnection | None = None) -> dict[str, Verdict]:
    none = MqttConnection.model_construct(), KafkaConnection.model_construct()
    given = influx or InfluxConnection.model_construct()
    return {verdict.check: verdict for verdict in examine(*none, given)}


def test_a_good_machine_without_brokers_passes() -> None:
    verdicts = _verdicts()
    assert [name for name, verdict in verdicts.items() if verdict.ok is False] == []
    assert verdicts["Kafka"].ok is None
    assert "the demo brings its own" in verdicts["MQTT broker"].seen


def test_a_full_disk_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(10, 10, 3 * 2**20))
    verdict = _verdicts()["Disk space"]
    assert (verdict.ok, verdict.seen.startswith("3 MiB free")) == (False, True)
    assert "TMPDIR" in verdict.remedy


def test_an_old_python_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    verdict = _verdicts()["Python"]
    assert (verdict.ok, verdict.seen) == (False, "3.9.2 is too old")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: name not in {"scipy", "iotcore"})
    verdicts = _verdicts()
    assert verdicts["Packages"].seen == "missing: scipy"
    assert verdicts["Embedded brokers"].ok is None


def test_an_altered_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("model file screen.onnx does not match its checksum")

    monkeypatch.setattr(Registry, "load", refuse)
    verdict = _verdicts()["Models"]
    assert (verdict.ok, verdict.seen) == (
        False,
        "model file screen.onnx does not match its checksum",
    )


class _Influx(http.server.BaseHTTPRequestHandler):
    """As much of InfluxDB 2 as the check asks."""

    buckets: ClassVar[list[str]] = ["heartward"]

    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == "Token right"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        wanted = self.path.partition("?name=")[2]
        found = [{"name": name} for name in self.buckets if name == wanted]
        self.wfile.write(json.dumps({"buckets": found}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def influx_url() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Influx) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("token", "bucket", "ok", "said"),
    [
        ("right", "heartward", True, "bucket heartward"),
        ("wrong", "heartward", False, "answers 401"),
        ("right", "elsewhere", False, "no bucket 'elsewhere'"),
    ],
)
def test_the_database_is_asked_with_our_token(
    token: str, bucket: str, ok: bool, said: str, influx_url: str
) -> None:
    given = load(InfluxConnection, {"url": influx_url, "token": token, "bucket": bucket})
    verdict = _verdicts(given)["InfluxDB"]
    assert verdict.ok is ok
    assert said in verdict.seen
    assert bool(verdict.remedy) is not ok


def test_a_database_that_is_not_there_is_told() -> None:
    given = load(InfluxConnection, {"url": "http://127.0.0.1:1"})
    verdict = _verdicts(given)["InfluxDB"]
    assert verdict.ok is False
    assert "Connection refused" in verdict.seen
    assert "HEARTWARD_INFLUX_URL" in verdict.remedy


def test_something_else_that_listens_where_the_database_should_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_speak_no_http, args=(server,), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        verdict = _verdicts(load(InfluxConnection, {"url": url}))["InfluxDB"]
    assert verdict.ok is False
    assert "SSH-2.0" in verdict.seen
    assert "HEARTWARD_INFLUX_URL" in verdict.remedy


def _speak_no_http(server: socket.socket) -> None:
    with server.accept()[0] as connection:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        connection.recv(4096)


def _beats(kind: str, **counters: tuple[float, float]) -> list[Heartbeat]:
    """Of one process a first heartbeat and a last, with what it had counted by then."""
    return [
        Heartbeat(
            process=kind,
            kind=kind,  # type: ignore[arg-type]
            instance=f"{kind}-1",
            pid=7,
            at_us=turn,
            started_us=0,
            counters={name: counts[turn] for name, counts in counters.items()},
        )
        for turn in (0, 1)
    ]


@pytest.mark.parametrize(
    ("bridge", "results", "ok", "said"),
    [
        ({"devices": (2, 2), "chunks_stored": (5, 25)}, (4, 12), True, "20 chunks and 8 results"),
        ({"devices": (2, 2), "chunks_stored": (5, 25)}, (4, 4), False, "20 chunks in 10 s and not"),
        ({"devices": (2, 2), "chunks_stored": (5, 5)}, (4, 4), False, "of 2 wearables"),
        ({"chunks_stored": (5, 25), "refused": (1, 4)}, (4, 12), False, "3 messages of wearables"),
        ({"devices": (0, 0), "chunks_stored": (0, 0)}, (4, 4), None, "no wearable has sent"),
    ],
)
def test_sound_is_followed_to_its_results(
    bridge: dict[str, tuple[float, float]],
    results: tuple[float, float],
    ok: bool | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beats = [*_beats("bridge", **bridge), *_beats("audio", results=results)]
    monkeypatch.setattr(doctor, "_heartbeats", lambda _kafka: beats)
    kafka = load(KafkaConnection, {"servers": "127.0.0.1:1"})
    none = MqttConnection.model_construct(), kafka, InfluxConnection.model_construct()
    verdict = {verdict.check: verdict for verdict in examine(*none)}["Sound to results"]
    assert (verdict.ok, bool(verdict.remedy)) == (ok, ok is False)
    assert said in verdict.seen
