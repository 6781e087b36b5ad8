"""Keep the processes of one machine up: start them in order, restart them, end them together.

`Supervisor` decides and is given the time; `launch` does the one thing that needs a real system.
It must be called from the main thread: on Linux a child is told to die with the *thread* that
started it, which is what keeps a ``kill -9`` of this process from leaving orphans behind.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from models.errors import UserError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
MAX_CRASHES, CRASH_WINDOW_S = 5, 60.0
START_TIMEOUT_S = 90.0  # a busy machine takes half a minute; who cannot start ends by itself
TERMINATE_S = 3.0
KEPT_LOG_BYTES = 4 * 1024 * 1024

_PR_SET_PDEATHSIG = 1


class Child(Protocol):
    """As much of `subprocess.Popen` as the supervisor uses."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, sig: int, /) -> None: ...


def _at_once(_pid: int) -> bool:
    return True


def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process to keep up.

    Attributes
    ----------
    environment
        All of it; None is that of the supervisor.
    after
        Parts that must be ready before this one starts.
    falls_with
        Parts whose end takes this one along: what it knew of them is no longer true.
    ready
        Asked with the process id until it says yes.
    on_ready
        Done once per start, before anything that waits for this part goes on.
    stop_signal
        A broker that holds everything in memory has nothing to save, so it is killed.
    grace_s
        A process that was asked to end is killed after so long.
    settles_s
        An end within so long of becoming ready counts as if it had never been ready: for parts
        that cannot tell when they are.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    after: tuple[str, ...] = ()
    falls_with: tuple[str, ...] = ()
    ready: Callable[[int], bool] = _at_once
    on_ready: Callable[[], None] = _nothing
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = TERMINATE_S
    settles_s: float = 0.0


class Phase(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class PartState(NamedTuple):
    """What the live view shows of one part."""

    name: str
    phase: Phase
    pid: int | None
    restarts: int
    last_exit: int | None


class _Run:
    """One part and what has become of it."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.phase = Phase.WAITING
        self.child: Child | None = None
        self.due_s = 0.0
        self.deadline_s = 0.0
        self.restarts = 0
        self.last_exit: int | None = None
        self.wanted = True
        self.settled_at_s = float("inf")
        self.is_overdue = False
        self._crashes_s: deque[float] = deque(maxlen=MAX_CRASHES)

    @property
    def up(self) -> bool:
        return self.child is not None

    def stop(self, now_s: float) -> None:
        if self.child is None:
            self.phase = Phase.WAITING if self.wanted else Phase.ENDED
        elif self.phase is not Phase.STOPPING:
            self.phase = Phase.STOPPING
            self.deadline_s = now_s + self.part.grace_s
            self.child.send_signal(self.part.stop_signal)

    def crashed(self, now_s: float) -> int:
        """Count a crash and return how many lie within the last minute."""
        self.restarts += 1
        self._crashes_s.append(now_s)
        recent = sum(at_s > now_s - CRASH_WINDOW_S for at_s in self._crashes_s)
        self.due_s = now_s + min(FIRST_PAUSE_S * 2.0 ** (recent - 1), LONGEST_PAUSE_S)
        return recent


class Supervisor:
    """Holds a set of parts up; `step` is called some ten times a second."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        launch: Callable[[Part], Child],
        last_words: Callable[[str], str] = lambda _name: "",
    ) -> None:
        self._runs = {part.name: _Run(part) for part in parts}
        self._launch = launch
        self._last_words = last_words

    def states(self) -> list[PartState]:
        return [
            PartState(
                run.part.name,
                run.phase,
                None if run.child is None else run.child.pid,
                run.restarts,
                run.last_exit,
            )
            for run in self._runs.values()
        ]

    def running(self, name: str) -> bool:
        return self._runs[name].phase is Phase.RUNNING

    def ended(self, name: str) -> bool:
        return self._runs[name].phase is Phase.ENDED

    def pid(self, name: str) -> int | None:
        child = self._runs[name].child
        return None if child is None else child.pid

    def step(self, now_s: float) -> None:
        """Look at every part once and do what is due.

        Raises
        ------
        UserError
            When a part has crashed too often to be worth another try, or ends by itself before
            it was ever ready: it would do the same again.
        """
        for run in self._runs.values():
            self._notice_end(run, now_s)
        for run in self._runs.values():
            match run.phase:
                case Phase.WAITING:
                    self._start_if_due(run, now_s)
                case Phase.STARTING:
                    self._promote_if_ready(run, now_s)
                case Phase.STOPPING if now_s >= run.deadline_s and run.child is not None:
                    run.child.send_signal(signal.SIGKILL)
                case _:
                    pass

    def restart(self, name: str, now_s: float) -> None:
        """End a part, with those that fall with it, and start them anew; no crash is counted."""
        for run in (self._runs[name], *self._falling_with(name)):
            run.stop(now_s)

    def end(self, name: str, now_s: float) -> None:
        """End a part and leave it ended until `want`."""
        run = self._runs[name]
        run.wanted = False
        run.stop(now_s)

    def want(self, name: str) -> None:
        """Start a part again that was ended."""
        run = self._runs[name]
        run.wanted = True
        if run.phase is Phase.ENDED:
            run.phase = Phase.WAITING

    def end_all(self, now_s: float) -> bool:
        """One step of the way down; True once nothing runs.

        What others were started after ends last, so that each can say its last words to it.
        """
        for run in self._runs.values():
            run.wanted = False
            self._notice_end(run, now_s)
        for run in self._runs.values():
            if run.up and not self._still_needed(run):
                run.stop(now_s)
            if run.up and run.phase is Phase.STOPPING and now_s >= run.deadline_s:
                self._kill(run)
        return not any(run.up for run in self._runs.values())

    def kill_all(self) -> None:
        """The last resort, and what a second Ctrl-C asks for."""
        for run in self._runs.values():
            self._kill(run)

    def _still_needed(self, run: _Run) -> bool:
        return any(run.part.name in other.part.after and other.up for other in self._runs.values())

    def _falling_with(self, name: str) -> Iterator[_Run]:
        return (run for run in self._runs.values() if name in run.part.falls_with)

    @staticmethod
    def _kill(run: _Run) -> None:
        if run.child is not None and run.child.poll() is None:
            run.child.send_signal(signal.SIGKILL)

    def _notice_end(self, run: _Run, now_s: float) -> None:
        code = None if run.child is None else run.child.poll()
        if code is None:
            return
        run.child = None
        wanted_to_end = run.phase is Phase.STOPPING
        run.phase = Phase.WAITING if run.wanted else Phase.ENDED
        if wanted_to_end or not run.wanted:
            run.due_s = now_s
            return
        run.last_exit = code
        crashes = run.crashed(now_s)
        if now_s < run.settled_at_s and not run.is_overdue:
            raise UserError(self._given_up(run.part.name, code, "before it was ready"))
        if crashes >= MAX_CRASHES:
            often = f"{MAX_CRASHES} times within a minute"
            raise UserError(self._given_up(run.part.name, code, often))
        for other in self._falling_with(run.part.name):
            other.stop(now_s)

    def _given_up(self, name: str, code: int, when: str) -> str:
        said = self._last_words(name)
        return f"{name} {how_it_ended(code)}, {when}" + (f": {said}" if said else "")

    def _start_if_due(self, run: _Run, now_s: float) -> None:
        waits = any(self._runs[name].phase is not Phase.RUNNING for name in run.part.after)
        # Who knew the old one must be gone before the new one can be mistaken for it.
        falling = any(other.up for other in self._falling_with(run.part.name))
        if now_s < run.due_s or waits or falling:
            return
        run.child = self._launch(run.part)
        run.phase = Phase.STARTING
        run.is_overdue = False
        run.deadline_s = now_s + START_TIMEOUT_S

    def _promote_if_ready(self, run: _Run, now_s: float) -> None:
        if run.child is None:
            return
        if run.part.ready(run.child.pid):
            run.part.on_ready()
            run.phase = Phase.RUNNING
            run.settled_at_s = min(run.settled_at_s, now_s + run.part.settles_s)
        elif now_s >= run.deadline_s:
            run.is_overdue = True
            run.child.send_signal(signal.SIGKILL)


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exits with {code}"


def launch(part: Part, log: Path) -> subprocess.Popen[bytes]:
    """Start a part in a session of its own, so that Ctrl-C reaches the supervisor alone.

    Raises
    ------
    UserError
        When the system gives it no process or no log.
    """
    try:
        with log.open("ab") as output:
            return subprocess.Popen(
                part.command,
                env=part.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 (no thread forks here)
            )
    except OSError as error:
        raise UserError(
            f"{part.name} cannot be started ({error.strerror}; log: {log}): free memory and disk "
            "space, or end other programs"
        ) from None


def last_line(log: Path) -> str:
    """What a process said last, for the one line that a person sees."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def bound_log(log: Path, *, limit_bytes: int = KEPT_LOG_BYTES) -> None:
    """Move a grown log aside as ``NAME.log.1``; the process goes on appending to the same file.

    On a full disk there is no aside: then what was there is lost, which makes room.
    """
    if log.exists() and log.stat().st_size > limit_bytes:
        aside = log.with_suffix(".log.1")
        try:
            aside.write_bytes(log.read_bytes()[-limit_bytes:])
        except OSError:
            aside.unlink(missing_ok=True)
        os.truncate(log, 0)


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask_the_kernel
