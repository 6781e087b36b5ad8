"""One point as a line of InfluxDB's protocol; times are microseconds."""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

from models.errors import RecordError

Field = float | int | bool | str | None

_SPECIAL = re.compile(r"([,= ])")
_QUOTED = re.compile(r'(["\\])')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# The protocol has no way to write these.
_UNWRITABLE = re.compile(rf"{_CONTROL.pattern}|\\+$")


def point(
    measurement: str, tags: Mapping[str, str | None], fields: Mapping[str, Field], time_us: int
) -> str:
    """Write a point; a tag without value and a field that is None are left out.

    Raises
    ------
    RecordError
        If a number is not finite, or no field is left.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    bad = [f"{name} {value}" for name, value in given.items() if not _is_writable(value)]
    if bad or not given:
        raise RecordError(f"not finite: {', '.join(bad)}" if bad else f"{measurement} says nothing")
    written = ",".join(f"{escaped(name)}={_written(value)}" for name, value in given.items())
    return f"{measurement}{tag_set(tuple(tags.items()))} {written} {time_us}"


@lru_cache(maxsize=65536)
def tag_set(tags: tuple[tuple[str, str | None], ...]) -> str:
    """Tags in the order that the database sorts them into."""
    return "".join(f",{key}={escaped(value)}" for key, value in sorted(tags) if value)


def escaped(text: str) -> str:
    """A tag's value or a field's name."""
    return _SPECIAL.sub(r"\\\1", _UNWRITABLE.sub("_", text))


class Line(NamedTuple):
    """A line read again; fields as they are written."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, str]
    time_us: int


def parse(line: str) -> Line:
    """Read a line as the database does: an escaped separator is an ordinary character."""
    head, rest = re.split(r"(?<!\\) ", line, maxsplit=1)
    written, _, time_us = rest.rpartition(" ")
    measurement, *tags = re.split(r"(?<!\\),", head)
    return Line(measurement, _pairs(tags), _pairs(_fields(written)), int(time_us))


def _fields(written: str) -> list[str]:
    """Split at commas that are neither escaped nor in quotes."""
    parts, start, quoted, before = [], 0, False, ""
    for place, sign in enumerate(written):
        if sign == '"' and not (quoted and before == "\\"):
            quoted = not quoted
        elif sign == "," and not quoted and before != "\\":
            parts.append(written[start:place])
            start = place + 1
        before = "" if quoted and before == "\\" else sign
    return [*parts, written[start:]]


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = (re.split(r"(?<!\\)=", text, maxsplit=1) for text in texts)
    return {_plain(key): _plain(value) for key, value in pairs}


def _plain(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text)


def boolean(value: bool) -> str:
    return "true" if value else "false"


def _is_writable(value: Field) -> bool:
    return not isinstance(value, float) or isfinite(value)


def _written(value: float | bool | str | None) -> str:
    match value:
        case bool():
            return boolean(value)
        case int():
            return f"{value}i"
        case str():
            return '"' + _QUOTED.sub(r"\\\1", _CONTROL.sub(" ", value)) + '"'
        case _:
            return repr(value)
