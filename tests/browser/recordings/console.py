"""A real console on a real log, for what happens to recordings in it."""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.processes import Part
from tests.servers import Server

USER, PASSWORD = "tester", "a-long-test-password"  # noqa: S105 (of a console that lives minutes)


class Console(Server):
    """``python -m dashboards.console.serve`` on a port of its own, with one administrator."""

    name = "console"

    def __init__(self, folder: Path, kafka: Server, **settings: str) -> None:
        super().__init__(folder)
        self._part = Part(
            self.name,
            "dashboards.console.serve",
            {
                "HEARTWARD_KAFKA_SERVERS": kafka.address,
                "HEARTWARD_CONSOLE_PORT": self.port,
                "HEARTWARD_CONSOLE_FOLDER": folder / "data",
                "HEARTWARD_CONSOLE_GROUP": f"console-{uuid.uuid4().hex}",
                "HEARTWARD_CONSOLE_LOGIN_USER": USER,
                "HEARTWARD_CONSOLE_LOGIN_PASSWORD": PASSWORD,
                **settings,
            },
            folder=folder,
        )

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def media(self) -> Path:
        return self.folder / "data" / "media"

    def command(self) -> list[str]:
        return self._part.command()

    def environment(self) -> dict[str, str]:
        return self._part.environment()

    def token(self) -> str:
        """Of the administrator, made as an operator makes one."""
        import subprocess  # noqa: PLC0415

        code = (
            "import django; django.setup()\n"
            "from dashboards.console.people.accounts import token_for\n"
            f"print(token_for({USER!r}))"
        )
        environment = self.environment() | {
            "DJANGO_SETTINGS_MODULE": "dashboards.console.settings"
        }
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, check=True, capture_output=True
        )
        return done.stdout.decode().split()[-1]


class Program:
    """A client of the interface."""

    def __init__(self, console: Console) -> None:
        self._url = f"{console.url}/api/v1"
        self._token = console.token()

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},  # noqa: B006 (never changed)
    ) -> tuple[int, Any]:
        """The status and the answer."""
        request = urllib.request.Request(
            self._url + path,
            body,
            {"Authorization": f"Token {self._token}", **headers},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())

    def upload(self, *files: tuple[str, bytes], **fields: str) -> tuple[int, Any]:
        boundary = uuid.uuid4().hex
        body = _form(boundary, files, fields)
        content_type = f"multipart/form-data; boundary={boundary}"
        return self.call("POST", "/recordings", body, {"Content-Type": content_type})

    def settled(self, recording_id: str, *, within_s: float = 30.0) -> Any:
        """The recording once it is answered or refused."""
        due_s = time.monotonic() + within_s
        while True:
            _, recording = self.call("GET", f"/recordings/{recording_id}")
            if recording["state"] != "queued":
                return recording
            assert time.monotonic() < due_s, f"no answer within {within_s} s: {recording}"
            time.sleep(0.02)


def _form(
    boundary: str, files: tuple[tuple[str, bytes], ...], fields: Mapping[str, str]
) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, content in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"'
        parts.append(
            f"{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode("utf-8", "replace")
            + content
            + b"\r\n"
        )
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content
