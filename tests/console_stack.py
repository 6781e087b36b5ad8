"""A demonstration as a person starts it, with its console, for tests in a browser."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from ingest.connections import KafkaConnection
from tests.servers import ROOT

STARTS_S = 60.0
_LOGIN = re.compile(r"Console: (\S+) user (\S+) password (\S+)")
_KAFKA = re.compile(r"Kafka :(\d+)")


class Stack:
    """A running demonstration; its parts can be found, and stopped for a while."""

    def __init__(self, process: subprocess.Popen[str], log: Path, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self._log = log
        self.address, self.user, self.password = self._login()
        self.token = self._token()

    def kafka(self) -> KafkaConnection:
        """The embedded broker, as the demonstration has told it."""
        found = _KAFKA.search(self._log.read_text())
        assert found, self._log.read_text()
        return KafkaConnection.model_construct(servers=f"127.0.0.1:{found[1]}")

    def every(self, path: str) -> list[Any]:
        """All pages of a list."""
        rows, page = [], self.get(f"{path}?limit=1000")
        rows += page["results"]
        while page["next"]:
            page = self.get(page["next"][len(self.address) - 1 :])
            rows += page["results"]
        return rows

    def is_up(self) -> bool:
        return self._answers(self.address)

    def part(self, words: str) -> psutil.Process:
        """The child whose command has these words."""
        for child in psutil.Process(self.process.pid).children():
            try:
                if words in " ".join(child.cmdline()):
                    return child
            except psutil.Error:
                continue
        raise AssertionError(f"{words} does not run")

    def get(self, path: str) -> Any:
        status, body = self._ask("GET", path)
        assert status == 200, body
        return body

    def post(self, path: str, body: object) -> Any:
        return self._change("POST", path, body)

    def put(self, path: str, body: object) -> Any:
        return self._change("PUT", path, body)

    def _change(self, method: str, path: str, body: object) -> Any:
        status, answer = self._ask(method, path, body)
        assert 200 <= status < 300, answer
        return answer

    def wait_for_beds(self, count: int, *, within_s: float) -> float:
        """Seconds until so many beds have a result younger than ten seconds."""
        begin_s = time.monotonic()
        while time.monotonic() - begin_s < within_s:
            beds = self.get("/api/v1/beds")
            if sum((bed["age_s"] or 99) < 10 for bed in beds) >= count:
                return time.monotonic() - begin_s
            time.sleep(0.3)
        raise AssertionError(f"not {count} beds within {within_s} s: {self._log.read_text()}")

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        request = urllib.request.Request(  # noqa: S310 (our own address)
            self.address.rstrip("/") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def _login(self) -> tuple[str, str, str]:
        deadline_s = time.monotonic() + STARTS_S
        while time.monotonic() < deadline_s:
            found = _LOGIN.search(self._log.read_text())
            if found and self._answers(found[1]):
                return found[1], found[2], found[3]
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.2)
        raise AssertionError(f"no console: {self._log.read_text()}")

    def _answers(self, address: str) -> bool:
        try:
            with urllib.request.urlopen(f"{address}api/v1/health", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def _token(self) -> str:
        command = [sys.executable, "-m", "heartward", "token", self.user]
        environment = environment_of(self.folder)
        return subprocess.check_output(command, cwd=ROOT, env=environment, text=True).strip()


def environment_of(folder: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTWARD_", "DJANGO"))}
    return inherited | {"HEARTWARD_CONSOLE_FOLDER": str(folder / "console")}


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Stack]:
    """A demonstration without faults; ended as Ctrl-C ends it."""
    log = folder / "demo.log"
    command = [sys.executable, "-m", "heartward", "demo", "--faults", "none", *arguments]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment_of(folder),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        try:
            yield Stack(process, log, folder)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
