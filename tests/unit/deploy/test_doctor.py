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
from deploy.doctor import Verdict, checks, examine, judge
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection, load
from models.errors import ModelError
from models.registry import Registry
from stream_processors.records import Heartbeat


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


_NO_MQTT = MqttConnection.model_construct()
_NO_KAFKA = KafkaConnection.model_construct()
_NO_INFLUX = InfluxConnection.model_construct()


def _verdict(
    check: str, kafka: KafkaConnection = _NO_KAFKA, influx: InfluxConnection = _NO_INFLUX
) -> Verdict:
    """What one check says; the others are not run."""
    return judge(check, checks(_NO_MQTT, kafka, influx)[check])


def test_a_good_machine_without_brokers_passes() -> None:
    examined = examine(_NO_MQTT, _NO_KAFKA, _NO_INFLUX)
    verdicts = {verdict.check: verdict for verdict in examined}
    assert [name for name, verdict in verdicts.items() if verdict.ok is False] == []
    assert verdicts["Kafka"].ok is None
    assert "the demo brings its own" in verdicts["MQTT broker"].seen


def test_a_full_disk_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(10, 10, 3 * 2**20))
    verdict = _verdict("Disk space")
    assert (verdict.ok, verdict.seen.startswith("3 MiB free")) == (False, True)
    assert "TMPDIR" in verdict.remedy


def test_an_old_python_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    verdict = _verdict("Python")
    assert (verdict.ok, verdict.seen) == (False, "3.9.2 is too old")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: name not in {"scipy", "iotcore"})
    assert _verdict("Packages").seen == "missing: scipy"
    assert _verdict("Embedded brokers").ok is None


def test_an_altered_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("model file screen.onnx does not match its checksum")

    monkeypatch.setattr(Registry, "load", refuse)
    verdict = _verdict("Models")
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
    verdict = _verdict("InfluxDB", influx=given)
    assert verdict.ok is ok
    assert said in verdict.seen
    assert bool(verdict.remedy) is not ok


def test_a_database_that_is_not_there_is_told() -> None:
    given = load(InfluxConnection, {"url": "http://127.0.0.1:1"})
    verdict = _verdict("InfluxDB", influx=given)
    assert verdict.ok is False
    assert "Connection refused" in verdict.seen
    assert "HEARTWARD_INFLUX_URL" in verdict.remedy


def test_something_else_that_listens_where_the_database_should_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_speak_no_http, args=(server,), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        verdict = _verdict("InfluxDB", influx=load(InfluxConnection, {"url": url}))
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


SOUND = _beats("bridge", devices=(2, 2), chunks_stored=(5, 25))
RESULTS = _beats("audio", results=(4, 12))
TAKEN = [*_beats("alarms", results=(4, 11)), *_beats("console", results=(3, 12))]


def _seen(check: str, beats: list[Heartbeat], monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """What a check says of a ward that beats so; its database answers nobody."""
    monkeypatch.setattr(doctor, "_heartbeats", lambda _kafka: beats)
    kafka = load(KafkaConnection, {"servers": "127.0.0.1:1"})
    influx = load(InfluxConnection, {"url": "http://127.0.0.1:1"})
    verdict = _verdict(check, kafka, influx)
    assert bool(verdict.remedy) == (verdict.ok is False)
    return verdict


@pytest.mark.parametrize(
    ("beats", "ok", "said"),
    [
        ([*SOUND, *RESULTS, *TAKEN], True, "20 chunks and 8 results"),
        ([*SOUND, *RESULTS], True, "20 chunks and 8 results"),
        ([*SOUND, *_beats("audio", results=(4, 4))], False, "20 chunks in 10 s and not"),
        (_beats("bridge", devices=(2, 2), chunks_stored=(5, 5)), False, "of 2 wearables"),
        (
            [*_beats("bridge", chunks_stored=(5, 25), refused=(1, 4)), *RESULTS],
            False,
            "3 messages of wearables",
        ),
        (_beats("bridge", devices=(0, 0), chunks_stored=(0, 0)), None, "no wearable has sent"),
        (
            [*SOUND, *RESULTS, *_beats("alarms", results=(4, 4)), *TAKEN[2:]],
            False,
            "8 results in 10 s, and none reached: alarms",
        ),
        ([*SOUND, *RESULTS, *TAKEN[:2], *_beats("console")], False, "none reached: console"),
    ],
)
def test_sound_is_followed_to_its_results_and_to_who_takes_them(
    beats: list[Heartbeat], ok: bool | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = _seen("Sound to results", beats, monkeypatch)
    assert verdict.ok is ok
    assert said in verdict.seen


@pytest.mark.parametrize(
    ("writer", "ok", "said"),
    [
        (_beats("influx", points_written=(9, 25)), True, "16 points in 10 s by 1 writers"),
        (_beats("influx", points_written=(9, 9)), False, "8 results in 10 s and not one point"),
        (_beats("influx", points_written=(9, 25), refused=(1, 3)), False, "2 records were refused"),
        (_beats("influx", points_written=(9, 25), refused=(3, 3)), True, "3 records refused since"),
        (
            _beats("influx", points_written=(9, 9), database_away=(0, 1)),
            False,
            "reach it: influx-1",
        ),
        ([], False, "no writer in 10 s"),
    ],
)
def test_results_are_followed_into_the_database(
    writer: list[Heartbeat], ok: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = _seen("Results in InfluxDB", [*SOUND, *RESULTS, *writer], monkeypatch)
    assert verdict.ok is ok
    assert said in verdict.seen


def test_a_ward_without_sound_lacks_no_points(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _seen("Results in InfluxDB", _beats("influx"), monkeypatch).ok is True
