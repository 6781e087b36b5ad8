"""Many pages at once: each gets its answer, and PostgreSQL is not asked for more than it has."""

import hashlib
import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.embedded import free_port
from ingest.connections import KafkaConnection, load
from stream_processors.topic_admin import apply_topics
from tests.integration.console import postgresql
from tests.processes import Part
from tests.servers import EmbeddedKafka
from tests.waiting import until

FEEDS, AT_ONCE, EACH = 40, 60, 5
# Of those whose turn it is, of feeds that look anew, and of what runs beside the pages.
MOST_CONNECTIONS = 24 + 8 + 10
_KEY = "hw_of-a-test"
_LET_IN = """
INSERT INTO people_apitoken (user_id, name, shown, digest, created_at)
SELECT id, '', '', %s, now() FROM auth_user
"""
_COUNT = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


class Console:
    """A console on a PostgreSQL, and what that sees of it."""

    def __init__(self, port: int, database: Any) -> None:
        self._port = port
        self._database = database

    def ask(self, path: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Token {_KEY}"})
        return connection

    def status(self, path: str) -> int:
        with closing(self.ask(path)) as connection:
            return connection.getresponse().status

    def is_up(self) -> bool:
        try:
            return self.status("/api/v1/health") == 200
        except OSError:
            return False

    def connections(self) -> int:
        return int(self._database.execute(_COUNT).fetchone()[0])


@pytest.fixture
def console(embedded_kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[Console]:
    apply_topics(load(KafkaConnection, {"servers": embedded_kafka.address}), partitions=2)
    port = free_port()
    with postgresql.running() as server:
        settings = {
            "FOLDER": tmp_path / "own",
            "PORT": port,
            "DATABASE_URL": server.url,
            "LOGIN_USER": "demo",
            "LOGIN_PASSWORD": "a long enough one 7",
        }
        given = {f"HEARTWARD_CONSOLE_{name}": value for name, value in settings.items()}
        others = {
            "HEARTWARD_KAFKA_SERVERS": embedded_kafka.address,
            "DJANGO_SETTINGS_MODULE": "dashboards.console.settings",  # not those of these tests
        }
        part = Part("console", "dashboards.console.serve", given | others, folder=tmp_path)
        part.start()
        try:
            with psycopg.connect(server.url, autocommit=True) as database:
                console = Console(port, database)
                until(console.is_up, "the console is up", timeout_s=40)
                database.execute(_LET_IN, [hashlib.sha256(_KEY.encode()).hexdigest()])
                yield console
        finally:
            part.kill()


def test_pages_that_stay_open_keep_no_connection_and_many_at_once_wait_for_their_turn(
    console: Console,
) -> None:
    before = console.connections()
    with ExitStack() as pages:
        feeds = [pages.enter_context(closing(console.ask("/api/v1/feed"))) for _ in range(FEEDS)]
        assert {feed.getresponse().status for feed in feeds} == {200}
        assert console.connections() <= before + 1
        answers, most = _asked_at_once(console)
    assert answers == {200: AT_ONCE * EACH}
    assert before < most <= MOST_CONNECTIONS


def _asked_at_once(console: Console) -> tuple[Counter[int], int]:
    """The answers, and the most connections that there were meanwhile."""
    answers: Counter[int] = Counter()
    asking = [threading.Thread(target=_ask, args=(console, answers)) for _ in range(AT_ONCE)]
    for thread in asking:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in asking):
        most = max(most, console.connections())
    return answers, most


def _ask(console: Console, answers: Counter[int]) -> None:
    for _ in range(EACH):
        status = console.status("/api/v1/results")
        answers[status] += 1
