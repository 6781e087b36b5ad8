"""A folder for one run's logs, and the signals that end the run."""

import logging
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Self

from models.errors import UserError
from models.logs import KeyValueFormatter, Throttle

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunFolder:
    """Kept when something went wrong in it, removed otherwise."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keep = False

    def log_of(self, name: str) -> Path:
        return self.path / f"{name}.log"


@contextmanager
def run_folder() -> Iterator[RunFolder]:
    """Make the folder and log there: the terminal belongs to the live table."""
    try:
        folder = RunFolder(Path(tempfile.mkdtemp(prefix="heartward-")))
        handler = logging.FileHandler(folder.log_of("heartward"), encoding="utf-8")
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
