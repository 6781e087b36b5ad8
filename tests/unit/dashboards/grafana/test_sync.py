"""A Grafana is brought to the state of the code, twice the same, and not at all in a dry run.

The server here answers as Grafana's HTTP API is described; a real one was not at hand.
"""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from dashboards.grafana import provisioning
from dashboards.grafana.build import boards
from dashboards.grafana.sync import Change, sync
from ingest.connections import InfluxConnection, load
from models.errors import UserError

TOKEN = "of-a-service-account"  # noqa: S105 (no server but this one takes it)
INFLUX = load(InfluxConnection, {"url": "http://influx.ward:8086", "token": "t"})


class FakeGrafana(ThreadingHTTPServer):
    """Documents by path; it adds what Grafana adds, and keeps secrets to itself."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stored: dict[str, dict[str, Any]] = {}
        self.writes = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: FakeGrafana

    def do_GET(self) -> None:
        if not self._let_in():
            return
        path = self.path.removeprefix("/api")
        if path == "/v1/provisioning/contact-points":
            points = [d for p, d in self.server.stored.items() if "contact-points/" in p]
            self._answer(200, points)
        elif path == "/health":
            self._answer(200, {"version": "11.6.0", "database": "ok"})
        elif path in self.server.stored:
            self._answer(200, self.server.stored[path])
        else:
            self._answer(404, {"message": "not found"})

    def do_POST(self) -> None:
        self._write()

    def do_PUT(self) -> None:
        self._write()

    def _write(self) -> None:
        if not self._let_in():
            return
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.writes += 1
        path = re.sub(r"\?.*", "", self.path.removeprefix("/api"))
        if path == "/dashboards/db":
            board = given["dashboard"] | {"id": 7, "version": self.server.writes}
            assert given["folderUid"] == provisioning.FOLDER_UID
            self.server.stored[f"/dashboards/uid/{board['uid']}"] = {
                "dashboard": board,
                "meta": {"folderUid": given["folderUid"]},
            }
        else:
            by_uid = "/datasources/uid" if path.startswith("/datasources") else path
            home = path if path.endswith(f"/{given.get('uid')}") else f"{by_uid}/{given['uid']}"
            secret = given.pop("secureJsonData", None)
            if "for" in given:
                given["for"] = as_grafana_writes(given["for"])
            added = {"id": 3, "provenance": "api", "secureJsonFields": dict.fromkeys(secret or {})}
            self.server.stored[home] = given | added
        self._answer(200, {"message": "done", "uid": given.get("uid")})

    def _let_in(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {TOKEN}":
            return True
        self._answer(401, {"message": "Unauthorized"})
        return False

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def as_grafana_writes(duration: str) -> str:
    """It reads a duration and writes it in whole hours, minutes and seconds."""
    number, unit = re.fullmatch(r"(\d+)([hms])", duration).groups()  # type: ignore[union-attr]
    seconds = int(number) * {"h": 3600, "m": 60, "s": 1}[unit]
    parts = {"h": seconds // 3600, "m": seconds // 60 % 60, "s": seconds % 60}
    return "".join(f"{value}{name}" for name, value in parts.items() if value)


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    server = FakeGrafana()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def actions(changes: list[Change]) -> set[str]:
    return {change.action for change in changes}


def test_everything_is_made_and_the_second_time_nothing_changes(grafana: FakeGrafana) -> None:
    first = sync(grafana.url, TOKEN, INFLUX, email="technik@example.org")
    writes = grafana.writes
    second = sync(grafana.url, TOKEN, INFLUX, email="technik@example.org")
    assert actions(first) == {"created"}
    assert actions(second) == {"as it is"}
    assert grafana.writes == writes == len(first)
    kinds = [change.kind for change in first]
    assert kinds[:2] == ["folder", "data source"]
    assert kinds.count("board") == len(boards())
    assert kinds.count("alert rule") == len(provisioning.rules())
    assert kinds.index("contact point") < kinds.index("alert rule")


@pytest.mark.parametrize("email", ["technik@example.org", None])
def test_rules_call_the_contact_point_where_there_is_one(
    grafana: FakeGrafana, email: str | None
) -> None:
    """Without one they go where all of that Grafana's alerts go."""
    sync(grafana.url, TOKEN, INFLUX, email=email)
    called = {
        rule.get("notification_settings", {}).get("receiver")
        for path, rule in grafana.stored.items()
        if "alert-rules" in path
    }
    assert called == {None if email is None else provisioning.CONTACT}


def test_a_dry_run_writes_nothing(grafana: FakeGrafana) -> None:
    planned = sync(grafana.url, TOKEN, INFLUX, dry_run=True)
    assert grafana.writes == 0
    assert [c.name for c in planned] == [c.name for c in sync(grafana.url, TOKEN, INFLUX)]


def test_only_what_somebody_changed_is_mended(grafana: FakeGrafana) -> None:
    sync(grafana.url, TOKEN, INFLUX)
    board = grafana.stored["/dashboards/uid/heartward-ward"]["dashboard"]
    board["panels"][0]["title"] = "Mine"
    rule = grafana.stored["/v1/provisioning/alert-rules/heartward-drift"]
    rule["data"][2]["model"]["conditions"][0]["evaluator"]["params"] = [9]
    mended = [c for c in sync(grafana.url, TOKEN, INFLUX) if c.action != "as it is"]
    assert mended == [
        Change("board", "Ward", "changed"),
        Change("alert rule", "A model has drifted", "changed"),
    ]
    assert actions(sync(grafana.url, TOKEN, INFLUX)) == {"as it is"}


def test_another_token_of_the_database_reaches_the_data_source(grafana: FakeGrafana) -> None:
    sync(grafana.url, TOKEN, INFLUX)
    rotated = load(InfluxConnection, {"url": "http://influx.ward:8086", "token": "another"})
    changes = [c for c in sync(grafana.url, TOKEN, rotated) if c.action != "as it is"]
    assert changes == [Change("data source", "Heartward", "changed")]
    assert actions(sync(grafana.url, TOKEN, rotated)) == {"as it is"}
    assert "another" not in json.dumps(grafana.stored)


def test_who_is_not_let_in_gets_one_line(grafana: FakeGrafana) -> None:
    with pytest.raises(UserError, match="HEARTWARD_GRAFANA_TOKEN"):
        sync(grafana.url, "wrong", INFLUX)


def test_a_grafana_that_is_away_gets_one_line() -> None:
    with pytest.raises(UserError, match="cannot be used"):
        sync("http://127.0.0.1:1", TOKEN, INFLUX)
