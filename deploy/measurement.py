"""What a headless run measured, as the one JSON document that describes it."""

import errno
import json
import os
import tempfile
from collections.abc import Collection
from pathlib import Path
from statistics import median
from typing import Any, Self

from dashboards.terminal.clocks import Clocks
from dashboards.terminal.latency import Latencies
from dashboards.terminal.ledger import WindowLedger
from models.errors import UserError
from stream_processors.records import (
    STAGES,
    DeadLetter,
    DeviceStats,
    Record,
    WindowResult,
    identity,
)

Identity = tuple[str, int, int]

_RESERVED_BYTES = 16 * 1024  # far more than any document takes


class Measurement:
    """Fed with every record of a run; times count from the start of the command."""

    def __init__(self, *, started_us: int) -> None:
        self.windows = WindowLedger()
        self.dead_letters = 0
        self.first_result_of_s: dict[str, float] = {}
        self._latencies = Latencies()
        self._clocks = Clocks()
        self._started_us = started_us

    def take(self, record: Record, published_us: int, seen_us: int) -> None:
        match record:
            case WindowResult() if self.windows.add(identity(record)):
                self._first(record, published_us, seen_us)
            case DeviceStats():
                self._clocks.take(record)
            case DeadLetter():
                self.dead_letters += 1
            case _:
                pass

    def _first(self, result: WindowResult, published_us: int, seen_us: int) -> None:
        since_start_s = round((seen_us - self._started_us) / 1e6, 3)
        self.first_result_of_s.setdefault(result.device_id, since_start_s)
        if not result.late:
            offset_us = self._clocks.offset_us(result.device_id, result.boot_id)
            self._latencies.add(result.stages, published_us, offset_us)

    def lost(self, expected: Collection[Identity]) -> list[Identity]:
        return [window for window in expected if window not in self.windows]

    def summary(self, expected: Collection[Identity]) -> str:
        """The same for a person, in one line."""
        if not self.first_result_of_s:
            return "no result came"
        times_s = self.first_result_of_s.values()
        return (
            f"first result after {min(times_s):.1f} s, all {len(times_s)} beds after "
            f"{max(times_s):.1f} s; {len(expected)} windows expected, "
            f"{len(self.lost(expected))} lost"
        )

    def document(
        self,
        *,
        beds: int,
        seconds: float,
        chunks_sent: int,
        chunks_received: int,
        expected: Collection[Identity],
    ) -> dict[str, Any]:
        """What is written as JSON; `seconds` is how long the ward ran until it was ended."""
        return {
            "beds": beds,
            "seconds": round(seconds, 3),
            "first_result_s": min(self.first_result_of_s.values(), default=None),
            "beds_reporting": len(self.first_result_of_s),
            "chunks_sent": chunks_sent,
            "chunks_received": chunks_received,
            "windows_expected": len(expected),
            "windows_classified": len(self.windows),
            "windows_lost": len(self.lost(expected)),
            "dead_letters": self.dead_letters,
            "latency_ms": self._latency_ms(),
            "clock_offset_ms": self._clock_offset_ms(),
        }

    def _latency_ms(self) -> dict[str, dict[str, float] | None]:
        """Null for the first stage where no device's clock got known in time."""
        found = self._latencies.percentiles(0)
        if not found:
            return {}
        return {s: found[s]._asdict() if s in found else None for s in STAGES}

    def _clock_offset_ms(self) -> dict[str, float] | None:
        """How far the devices' clocks are off, in either direction."""
        errors_ms = sorted(self._clocks.errors_ms().values())
        if not errors_ms:
            return None
        return {"p50": round(median(errors_ms), 3), "max": round(errors_ms[-1], 3)}


class JsonFile:
    """A file that is there whole or not at all; that it can be written is known beforehand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is not a plain file: name another file in --json")
        try:
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        except OSError as error:
            raise self._refusal(error) from None
        self._unfinished = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(bytes(_RESERVED_BYTES))
                os.fsync(file.fileno())
        except OSError as error:
            self._unfinished.unlink(missing_ok=True)
            raise self._refusal(error) from None

    def write(self, document: dict[str, Any]) -> None:
        text = json.dumps(document, indent=2) + "\n"
        try:
            # In place, so that the space which was reserved is still there.
            with self._unfinished.open("r+b") as file:
                file.write(text.encode())
                file.truncate()
            self._unfinished.chmod(0o644)
            self._unfinished.replace(self._path)
        except OSError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: OSError) -> UserError:
        first = {
            errno.ENOENT: f"make the folder {self._path.parent}, or ",
            errno.ENOSPC: "free space there, or ",
            errno.EDQUOT: "free space there, or ",
        }.get(error.errno or 0, "")
        return UserError(
            f"{self._path} cannot be written ({error.strerror}): {first}name another file in --json"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._unfinished.unlink(missing_ok=True)
