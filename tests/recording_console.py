"""A real console on a real log, for what happens to recordings in it, and a client of it."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ingest.connections import KafkaConnection, load
from stream_processors.topic_admin import apply_topics
from tests.processes import Part
from tests.servers import Server

USER = "tester"
_PASSWORD = "a-long-test-password"  # noqa: S105 (of a console that lives for minutes)
_MAKE_TOKEN = f"""
import django
django.setup()
from dashboards.console.people.accounts import token_for
print(token_for({USER!r}))
"""


class Console(Server):
    """``python -m dashboards.console.serve`` on a port of its own, with one administrator."""

    name = "console"

    def __init__(self, folder: Path, kafka: Server, more: Mapping[str, object]) -> None:
        super().__init__(folder)
        settings = {
            "DJANGO_SETTINGS_MODULE": "dashboards.console.settings",  # the tests' have no database
            "HEARTWARD_KAFKA_SERVERS": kafka.address,
            "HEARTWARD_CONSOLE_PORT": self.port,
            "HEARTWARD_CONSOLE_FOLDER": folder / "data",
            "HEARTWARD_CONSOLE_GROUP": f"console-{uuid.uuid4().hex}",
            "HEARTWARD_CONSOLE_LOGIN_USER": USER,
            "HEARTWARD_CONSOLE_LOGIN_PASSWORD": _PASSWORD,
            **more,
        }
        self._part = Part(self.name, "dashboards.console.serve", settings, folder=folder)

    @property
    def media(self) -> Path:
        return self.folder / "data" / "media"

    def command(self) -> list[str]:
        return self._part.command()

    def environment(self) -> dict[str, str]:
        return self._part.environment()

    def token(self) -> str:
        """Of the administrator, made as an operator makes one."""
        environment = self.environment() | {"DJANGO_SETTINGS_MODULE": "dashboards.console.settings"}
        command = [sys.executable, "-c", _MAKE_TOKEN]
        return subprocess.check_output(command, env=environment, text=True).split()[-1]


@contextmanager
def running(folder: Path, kafka: Server, **more: object) -> Iterator[Console]:
    """A console on a log that has its topics, with more settings where they are named."""
    apply_topics(load(KafkaConnection, {"servers": kafka.address}), partitions=4)
    started = Console(folder, kafka, more)
    started.start()
    try:
        yield started
    finally:
        started.stop()


class Program:
    """A client of the interface, as the administrator."""

    def __init__(self, console: Console) -> None:
        self._base = f"http://{console.address}/api/v1"
        self._headers = {"Authorization": f"Token {console.token()}"}

    def get(self, path: str) -> Any:
        answer = httpx.get(self._base + path, headers=self._headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object) -> Any:
        answer = httpx.post(self._base + path, json=body, headers=self._headers, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def put(self, path: str, body: object) -> Any:
        answer = httpx.put(self._base + path, json=body, headers=self._headers, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def upload(self, *files: tuple[str, bytes]) -> httpx.Response:
        return httpx.post(
            f"{self._base}/recordings",
            files=[("files", file) for file in files],
            headers=self._headers,
            timeout=60,
        )

    def settled(self, recording_id: str, *, within_s: float = 30.0) -> Any:
        """The recording once it is answered or refused."""
        due_s = time.monotonic() + within_s
        while (recording := self.get(f"/recordings/{recording_id}"))["state"] == "queued":
            assert time.monotonic() < due_s, f"no answer within {within_s} s: {recording}"
            time.sleep(0.02)
        return recording
