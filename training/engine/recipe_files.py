"""Recipes in TOML: those in ``training/recipes``, and a person's own.

A recipe may name another as its ``base``, a file beside it or else one that ships, and say only
what differs. A table that names another ``kind`` or ``name`` than its base's table replaces it
whole, for the other's fields are not its own; every other table is merged key by key.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from models.errors import ConfigurationError
from training.engine import toml
from training.engine.recipe import Recipe

FOLDER = Path(__file__).parents[1] / "recipes"

_NEAR = 5


def find(name: str) -> Path:
    """A recipe that ships, by its name, or a file."""
    shipped = FOLDER / f"{name}.toml"
    if shipped.is_file():
        return shipped
    if Path(name).is_file():
        return Path(name)
    near = difflib.get_close_matches(name, names(), _NEAR, 0.3) or names()[:_NEAR]
    raise ConfigurationError(
        f"there is no recipe {name!r}: name a TOML file or one in {FOLDER}, such as "
        f"{', '.join(near)}"
    )


def names() -> tuple[str, ...]:
    """The recipes that ship; those that begin with an underscore are only bases."""
    return tuple(sorted(file.stem for file in FOLDER.glob("[!_]*.toml")))


def load(path: Path) -> Recipe:
    """Read a recipe and its bases.

    Raises
    ------
    ConfigurationError
        If a key is unknown or a value wrong; the message names it.
    """
    return convert(_with_base(path, ()), path)


def convert(fields: Mapping[str, Any], origin: Path | str) -> Recipe:
    try:
        return msgspec.convert(fields, Recipe)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{origin}: {error}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{origin}: {error}") from None


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with other values, by dotted names such as ``training.epochs``."""
    fields: dict[str, Any] = msgspec.to_builtins(recipe)
    for dotted, value in changes.items():
        *tables, last = dotted.split(".")
        table = fields
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise ConfigurationError(f"{recipe.name} has no table {name} in {dotted}")
        table[last] = value
    return convert(fields, recipe.name)


def to_toml(recipe: Recipe) -> str:
    """The recipe with every value written out, and no base."""
    return toml.written(msgspec.to_builtins(recipe))


def _with_base(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in seen:
        raise ConfigurationError(f"{path} is its own base: a recipe ends in one without")
    try:
        fields: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigurationError(f"{path} is no TOML: {error}") from None
    base = fields.pop("base", None)
    if base is None:
        return fields
    if not isinstance(base, str):
        raise ConfigurationError(f"{path}: base = {base!r} is no file's name")
    beside = path.parent / base
    origin = beside if beside.is_file() else FOLDER / base
    if not origin.is_file():
        raise ConfigurationError(f"{path}: its base {base} is neither beside it nor in {FOLDER}")
    return _merged(_with_base(origin, (*seen, path.resolve())), fields)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        before = base.get(key)
        if isinstance(before, dict) and isinstance(value, dict) and not _another(before, value):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged


def _another(before: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    return any(key in own and own[key] != before.get(key) for key in ("kind", "name"))
