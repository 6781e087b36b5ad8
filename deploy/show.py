"""A run of a ward and the view that it feeds; and the ward that a person watches until Ctrl-C."""

import time
from collections.abc import Sequence
from math import inf

import psutil
from rich.console import Console

from dashboards.terminal.render import Heading
from dashboards.terminal.screen import LineScreen, Screen, TableScreen
from dashboards.terminal.ward_view import WardView
from deploy.console_login import said
from deploy.embedded import LOOPBACK
from deploy.local_stack import Plan
from deploy.measurement import Measurement
from deploy.run_folder import Interrupts, RunFolder, run_folder
from deploy.ward_run import WardRun
from models.errors import UserError
from stream_processors.records import Assignment

DISCLAIMER = "Research software, not a medical device."


class Show:
    """Steps a run, and passes on what comes: to the view, its screen and the measurement."""

    def __init__(
        self,
        run: WardRun,
        assignments: Sequence[Assignment],
        screen: Screen,
        folder: RunFolder,
        *,
        console: str = "",
    ) -> None:
        self._console = console
        self.run = run
        self.view = WardView(since_us=_command_started_us())
        self.view.assigned(assignments)
        self.measurement = Measurement(started_us=_command_started_us())
        self._screen = screen
        self._due_s = 0.0
        at = run.addresses
        mqtt, kafka = (_short(address) for address in (at.mqtt.address, at.kafka.address))
        self._footer = f"Ctrl-C ends. MQTT {mqtt}, Kafka {kafka}. Logs {folder.path}"

    @property
    def elapsed_s(self) -> float:
        """Since the command was started."""
        return (_now_us() - _command_started_us()) / 1e6

    def step(self) -> None:
        for record, published_us in self.run.step():
            self.view.take(record, published_us)
            self.measurement.take(record, published_us, _now_us())
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + self._screen.every_s
            self._draw()

    def summary(self) -> str:
        picture = self.view.picture(_now_us())
        return (
            f"{_clock(self.elapsed_s)}: {len(picture.beds)} beds, {picture.windows} windows, "
            f"{picture.windows_missing} missing, {picture.dead_letters} dead letters. "
            "All processes have ended."
        )

    def _draw(self) -> None:
        self._screen.show(
            self.view.picture(_now_us()),
            self.run.processes(),
            Heading(
                title=f"Heartward, {_clock(self.elapsed_s)}. {DISCLAIMER}",
                footer=self._footer,
                notices=self.run.notices,
                console=self._console,
            ),
        )


def watch(plan: Plan, assignments: Sequence[Assignment], *, seconds: float | None) -> None:
    """Hold a ward up and show it until Ctrl-C, or for some seconds.

    Raises
    ------
    UserError
        When a process cannot be held up, or when the time was over without a result.
    """
    console = Console()
    screen: Screen = TableScreen(console) if console.is_terminal else LineScreen(console)
    with run_folder() as folder, Interrupts() as interrupts:
        run = WardRun(plan, assignments, folder)
        show = Show(run, assignments, screen, folder, console=said(plan.console))
        try:
            with screen:
                while not interrupts.count and show.elapsed_s < (seconds or inf):
                    show.step()
        finally:
            run.end(interrupts)
        console.out(show.summary(), highlight=False)
        for notice in run.past:
            console.out(notice, highlight=False)
        _complain(show, folder, seconds=None if interrupts.count else seconds)
        if folder.keep:
            console.out(f"A process had to be restarted; logs: {folder.path}", highlight=False)


def _complain(show: Show, folder: RunFolder, *, seconds: float | None) -> None:
    """Refuse to call it a success when so many seconds, unless cut short, brought no result."""
    if seconds is not None and not show.view.windows:
        folder.keep = True
        raise UserError(
            f"no result came within {seconds:.0f} s: allow more --seconds, or see why in "
            f"{folder.path}"
        )


def _short(address: str) -> str:
    """The port alone where it is one of this machine."""
    return address.removeprefix(LOOPBACK)


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"


def _now_us() -> int:
    return time.time_ns() // 1000


def _command_started_us() -> int:
    """When this command was started, Python's own start included."""
    return round(psutil.Process().create_time() * 1e6)
