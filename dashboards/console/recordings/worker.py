"""The decoding worker, seen from the console: ask it, and be rid of it when it hangs."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

import msgspec
import psutil

from dashboards.console.recordings import limits, orders
from dashboards.console.recordings.patience import Patience

_MODULE = "dashboards.console.recordings.decoder"
_LOOK_EVERY_S = 0.5
_END_S = 2.0


class NotReadyError(Exception):
    """It did not come up, which is no fault of any recording."""


class WorkerDiedError(Exception):
    """It ended in the middle of an order, or was ended because it did nothing any more."""


class TookTooLongError(Exception):
    """It computed for longer than it may, and was ended."""


class Worker:
    """One process, started when it is first needed, and anew after its end.

    Parameters
    ----------
    each_turn
        Called about twice a second while it works; may raise to have the worker ended.
    niceness
        By which others come first.
    command
        What to start instead of the decoder.
    """

    def __init__(
        self,
        each_turn: Callable[[], None] = lambda: None,
        *,
        niceness: int = 5,
        command: Sequence[str] = (),
    ) -> None:
        self._each_turn = each_turn
        self._command = list(command) or [sys.executable, "-m", _MODULE, str(niceness)]
        self._process: subprocess.Popen[bytes] | None = None
        self._reports: queue.Queue[orders.Report | None] = queue.Queue()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Have it ready, however long a busy machine takes for it; raises `NotReadyError`."""
        if self.is_up:
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
        try:
            self._next_report(self._patience(limits.START_CPU_S))
        except (WorkerDiedError, TookTooLongError) as error:
            raise NotReadyError from error

    def ask(
        self, order: orders.Order, *, within_cpu_s: float, on_stage: Callable[[str], None]
    ) -> orders.Done | orders.Refused:
        """Have an order carried out.

        Raises
        ------
        NotReadyError, WorkerDiedError, TookTooLongError
        """
        self.start()
        assert self._process is not None  # noqa: S101 (it was just started)
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        patience = self._patience(within_cpu_s)
        try:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        except OSError:
            self.end()
            raise WorkerDiedError from None
        while isinstance(report := self._next_report(patience), orders.Stage):
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

    def _patience(self, within_cpu_s: float) -> Patience:
        return Patience(cpu_s=self._cpu_s(), now_s=time.monotonic(), within_cpu_s=within_cpu_s)

    def _next_report(self, patience: Patience) -> orders.Report:
        while True:
            try:
                report = self._reports.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                self._each_turn()
                self._keep_waiting(patience)
                continue
            if report is None:
                self.end()
                raise WorkerDiedError
            return report

    def _keep_waiting(self, patience: Patience) -> None:
        """Or end it, and raise."""
        now_s = time.monotonic()
        patience.look(cpu_s=self._cpu_s(), now_s=now_s)
        if patience.is_spent:
            self.end()
            raise TookTooLongError
        if patience.is_stuck(now_s):
            self.end()
            raise WorkerDiedError

    def _cpu_s(self) -> float:
        """Processor time that it has used so far; 0 if it is gone, which its pipe will tell."""
        if self._process is None:
            return 0.0
        try:
            used = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(used.user + used.system)


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
