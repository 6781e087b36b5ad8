"""One point as a line of InfluxDB's protocol; times are microseconds."""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite

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
