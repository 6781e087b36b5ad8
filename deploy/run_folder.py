"""A folder for one run's logs, and the signals that end the run."""

import logging
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Self

from models.errors import UserError
from models.logs import KeyValueFormatter, Throttle

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ROOM_BYTES = 1024 * 1024  # a place without so much is full, which is said before a run


class RunFolder:
    """Kept when something went wrong in it, removed otherwise."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keep = False

    def log_of(self, name: str) -> Path:
        return self.path / f"{name}.log"


class _RunLog(logging.FileHandler):
    """What a full disk cannot take is lost; neither the run nor its terminal suffers by it."""

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 (the library's name)
        """Say nothing: there is nowhere to say it."""

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def run_folder() -> Iterator[RunFolder]:
    """Make the folder and log there: the terminal belongs to the live table.

    Raises
    ------
    UserError
        When there is no place for it, or no room.
    """
    try:
        folder = _new_folder()
        handler = _RunLog(folder.log_of("heartward"), encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"no folder for logs can be made{_where()} ({error.strerror}): free space there, "
            "allow files (ulimit -f), or name another place in TMPDIR"
        ) from None
    handler.setFormatter(KeyValueFormatter("heartward"))
    handler.addFilter(Throttle())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield folder
    except UserError:
        raise
    except BaseException:
        folder.keep = True
        raise
    finally:
        root.removeHandler(handler)
        handler.close()
        if not folder.keep:
            shutil.rmtree(folder.path, ignore_errors=True)


def _new_folder() -> RunFolder:
    path = Path(tempfile.mkdtemp(prefix="heartward-"))
    probe = path / "probe"
    try:
        probe.write_bytes(bytes(_ROOM_BYTES))
        probe.unlink()
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return RunFolder(path)


def _where() -> str:
    """No words where there is no place at all: then the error itself lists all that were tried."""
    try:
        return f" in {tempfile.gettempdir()}"
    except OSError:
        return ""


class Interrupts:
    """Counts requests to end: Ctrl-C, ``kill``, a closed terminal. The second one is a hurry."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _ENDING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
