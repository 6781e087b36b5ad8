"""What a headless run measured, as the one JSON document that describes it."""

import json
import os
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from dashboards.terminal.latency import Latencies
from dashboards.terminal.ledger import WindowLedger
from models.errors import UserError
from stream_processors.records import DeadLetter, Record, WindowResult, identity

Identity = tuple[str, int, int]


class Measurement:
    """Fed with every record of a run; times count from the start of the command."""

    def __init__(self, *, started_us: int) -> None:
        self.windows = WindowLedger()
        self.dead_letters = 0
        self.first_result_of_s: dict[str, float] = {}
        self._latencies = Latencies()
        self._started_us = started_us

    def take(self, record: Record, published_us: int, seen_us: int) -> None:
        match record:
            case WindowResult() if self.windows.add(identity(record)):
                self._first(record, published_us, seen_us)
            case DeadLetter():
                self.dead_letters += 1
            case _:
                pass

    def _first(self, result: WindowResult, published_us: int, seen_us: int) -> None:
        since_start_s = round((seen_us - self._started_us) / 1e6, 3)
        self.first_result_of_s.setdefault(result.device_id, since_start_s)
        if not result.late:
            self._latencies.add(result.stages, published_us)

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
        return {
            "beds": beds,
            "seconds": seconds,
            "first_result_s": min(self.first_result_of_s.values(), default=None),
            "beds_reporting": len(self.first_result_of_s),
            "chunks_sent": chunks_sent,
            "chunks_received": chunks_received,
            "windows_expected": len(expected),
            "windows_classified": len(self.windows),
            "windows_lost": len(self.lost(expected)),
            "dead_letters": self.dead_letters,
            "latency_ms": {
                stage: values._asdict() for stage, values in self._latencies.percentiles(0).items()
            },
        }


class JsonFile:
    """A file that is there whole or not at all; that it can be written is known beforehand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        except OSError as error:
            raise UserError(
                f"{path} cannot be written ({error.strerror}): name another file in --json"
            ) from None
        os.close(handle)
        self._unfinished = Path(name)

    def write(self, document: dict[str, Any]) -> None:
        try:
            self._unfinished.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            self._unfinished.chmod(0o644)
            self._unfinished.replace(self._path)
        except OSError as error:
            raise UserError(f"{self._path} cannot be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._unfinished.unlink(missing_ok=True)
