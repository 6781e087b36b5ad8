"""How every process logs: one line of ``key=value`` an event, and no event drowns the others.

Client libraries log the same complaint some hundred times a second while a broker is away, so
each message, told apart by its template and level, is let through a few times in ten seconds; the
next line after that says how many were held back.
"""

import json
import logging
import os
import time
from typing import Any

_WINDOW_S = 10.0
_LINES_PER_WINDOW = 3
_MAX_TEMPLATES = 1000


class Throttle(logging.Filter):
    """Lets each message through three times in ten seconds, by the records' own times."""

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, record.levelno, str(record.msg))
        since_s, lines = self._windows.get(key, (record.created, 0))
        held_back = 0
        if record.created - since_s >= _WINDOW_S:
            held_back = max(0, lines - _LINES_PER_WINDOW)
            since_s, lines = record.created, 0
        if len(self._windows) >= _MAX_TEMPLATES:
            self._windows.clear()
        self._windows[key] = (since_s, lines + 1)
        record.held_back = held_back
        return lines < _LINES_PER_WINDOW


def about(
    *,
    device: str | None = None,
    window: int | None = None,
    partition: str | None = None,
    offset: int | None = None,
) -> dict[str, str | int]:
    """What an event concerns, as a log call's `extra`; a partition is `TOPIC/NUMBER`."""
    given = {"device": device, "window": window, "partition": partition, "offset": offset}
    return {name: value for name, value in given.items() if value is not None}


def _concerns(record: logging.LogRecord) -> dict[str, str | int]:
    names = ("device", "window", "partition", "offset")
    return about(**{name: getattr(record, name, None) for name in names})


class KeyValueFormatter(logging.Formatter):
    """``time=... level=... process=... logger=... message="..." device=... window=...``."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        line = (
            f"time={at}.{int(record.msecs):03d}Z level={record.levelname.lower()} "
            f"process={self._process} logger={record.name} "
            f"message={json.dumps(message, ensure_ascii=False)}"
        )
        more = _concerns(record)
        if held_back := getattr(record, "held_back", 0):
            more["held_back"] = held_back
        return " ".join([line, *(f"{name}={value}" for name, value in more.items())])


class JsonFormatter(logging.Formatter):
    """One object a line; what an event concerns (`device`, `window`) are fields of their own."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= _concerns(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if held_back := getattr(record, "held_back", 0):
            line["held_back"] = held_back
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(process: str, level: int = logging.INFO) -> None:
    """Send everything this process logs to standard error.

    In lines of ``key=value``, or, where the environment says ``HEARTWARD_LOG_FORMAT=json``, in
    objects.
    """
    in_json = os.environ.get("HEARTWARD_LOG_FORMAT", "").lower() == "json"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(process) if in_json else KeyValueFormatter(process))
    handler.addFilter(Throttle())
    logging.basicConfig(level=level, handlers=[handler], force=True)
