"""The decoding worker, seen from the console: ask it, and be rid of it when it hangs."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

import msgspec

from dashboards.console.recordings import orders

_MODULE = "dashboards.console.recordings.decoder"
_READY_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.5
_END_S = 2.0


class WorkerDiedError(Exception):
    """It ended in the middle of an order."""


class TookTooLongError(Exception):
    """It did not answer in time, and was ended."""


class Worker:
    """One process, started when it is first needed, and anew after its end.

    Parameters
    ----------
    each_turn
        Called about twice a second while it works; may raise to have the worker ended.
    niceness
        By which others come first.
    """

    def __init__(self, each_turn: Callable[[], None] = lambda: None, *, niceness: int = 5) -> None:
        self._each_turn = each_turn
        self._command = [sys.executable, "-m", _MODULE, str(niceness)]
        self._process: subprocess.Popen[bytes] | None = None
        self._reports: queue.Queue[orders.Report | None] = queue.Queue()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Have it ready; raises `WorkerDiedError` or `TookTooLongError`."""
        if self._process is not None and self._process.poll() is None:
            return
        self.end()
        self._reports = queue.Queue()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
        )
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        threading.Thread(
            target=_collect, args=(self._process.stdout, self._reports), daemon=True
        ).start()
        self._next_report(time.monotonic() + _READY_WITHIN_S)

    def ask(
        self, order: orders.Order, *, within_s: float, on_stage: Callable[[str], None]
    ) -> orders.Done | orders.Refused:
        """Have an order carried out.

        Raises
        ------
        WorkerDiedError, TookTooLongError
        """
        self.start()
        assert self._process is not None  # noqa: S101 (it was just started)
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        due_s = time.monotonic() + within_s
        try:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        except OSError:
            self.end()
            raise WorkerDiedError from None
        while isinstance(report := self._next_report(due_s), orders.Stage):
            on_stage(report.words)
        return report

    def end(self) -> None:
        """End it; the next order starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(_END_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)

    def _next_report(self, due_s: float) -> orders.Report:
        while True:
            try:
                report = self._reports.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                self._each_turn()
                if time.monotonic() > due_s:
                    self.end()
                    raise TookTooLongError from None
                continue
            if report is None:
                self.end()
                raise WorkerDiedError
            return report


def _collect(output: IO[bytes], reports: "queue.Queue[orders.Report | None]") -> None:
    try:
        for line in output:
            reports.put(msgspec.json.decode(line, type=orders.Report))
    except (ValueError, msgspec.DecodeError):
        pass  # closed, or cut off in the middle of a line
    reports.put(None)


def _close(pipe: IO[bytes]) -> None:
    with suppress(OSError):  # it is gone, and what was on its way too
        pipe.close()


def _environment() -> dict[str, str]:
    """Without the console's secrets; one thread for each kind of arithmetic."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HEARTWARD_")}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
