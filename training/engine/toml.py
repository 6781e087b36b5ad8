"""TOML out of plain tables; the standard library only reads it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def written(table: Mapping[str, Any]) -> str:
    """Numbers, words, truth values, lists of them, and tables; None is left out."""
    return "\n".join(_lines(table, ())).strip() + "\n"


def _lines(table: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if names and (plain or not table):
        yield f"\n[{'.'.join(map(_key, names))}]"
    for key, value in plain.items():
        if value is not None:
            # JSON's numbers, strings and lists are TOML's.
            yield f"{_key(key)} = {msgspec.json.encode(value).decode()}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _lines(value, (*names, key))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else msgspec.json.encode(name).decode()
