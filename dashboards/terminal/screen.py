"""Where the live ward is drawn: a whole terminal, or one line now and then where there is none."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from dashboards.terminal.render import Heading, ward
from dashboards.terminal.ward_view import ProcessPicture, WardPicture, waiting_for


class Screen(Protocol):
    """`show` is called about every `every_s` seconds."""

    @property
    def every_s(self) -> float: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def show(
        self,
        picture: WardPicture,
        processes: tuple[ProcessPicture, ...],
        heading: Heading,
    ) -> None: ...


class TableScreen:
    """The whole terminal; what was there before comes back at the end."""

    every_s = 0.5

    def __init__(self, console: Console) -> None:
        self._console = console
        # Drawn by the caller's loop: a thread of rich's own would fork along with children.
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(
        self,
        picture: WardPicture,
        processes: tuple[ProcessPicture, ...],
        heading: Heading,
    ) -> None:
        table = ward(picture, processes, heading=heading, height=self._console.height)
        self._live.update(table, refresh=True)


class LineScreen:
    """For logs and headless runs."""

    every_s = 5.0

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: tuple[str, ...] = ()
        self._told_where = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(
        self,
        picture: WardPicture,
        processes: tuple[ProcessPicture, ...],
        heading: Heading,
    ) -> None:
        if not self._told_where:  # nobody can guess the ports of embedded brokers
            self._told_where = True
            if heading.console:
                self._console.out(heading.console, highlight=False)
            self._console.out(heading.footer, highlight=False)
        for notice in heading.notices:
            if notice not in self._told:
                self._console.out(notice, highlight=False)
        self._told = heading.notices
        self._console.out(f"{heading.title} {_progress(picture, processes)}", highlight=False)


def _progress(picture: WardPicture, processes: tuple[ProcessPicture, ...]) -> str:
    waits = waiting_for(picture, processes)
    if waits:
        return waits
    heard = sum(bed.age_s is not None for bed in picture.beds)
    return (
        f"{heard} of {len(picture.beds)} beds report, {picture.chunks} chunks, "
        f"{picture.windows} windows, {picture.windows_missing} missing, "
        f"{picture.dead_letters} dead letters"
    )
