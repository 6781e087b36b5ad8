"""Every setting of a command in its help, made from the settings classes themselves."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand

from ingest.connections import is_secret


class Setting(NamedTuple):
    """A line of an environment file, as a reader wants to know it."""

    name: str
    default: str
    description: str


def settings_of(kind: type[BaseSettings], *, secrets_only: bool = False) -> Iterator[Setting]:
    """Each setting of a class, in its order."""
    prefix = kind.model_config.get("env_prefix", "")
    for name, field in kind.model_fields.items():
        if is_secret(kind, name) or not secrets_only:
            yield Setting(f"{prefix}{name}".upper(), _default(field), field.description or "")


class CommandWithSettings(TyperCommand):
    """Lists below its help what it reads from the environment, beyond the flags of connections.

    The settings of a command's own part are named as ``module:Class`` in `own`, and loaded only
    when help is asked for.
    """

    own: tuple[str, ...] = ()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        listed = [setting for place in self.own for setting in settings_of(_class_at(place))]
        for kind in getattr(self.callback, "connections", ()):
            listed += settings_of(kind, secrets_only=True)
        if listed:
            Console().print(_table(listed))


def reading(*own: str) -> type[CommandWithSettings]:
    """A kind of command whose help lists these settings, and the secrets of its connections."""
    return type("CommandWithOwnSettings", (CommandWithSettings,), {"own": own})


def _class_at(place: str) -> type[BaseSettings]:
    module, _, name = place.partition(":")
    found: type[BaseSettings] = getattr(importlib.import_module(module), name)
    return found


def _default(field: FieldInfo) -> str:
    match field.get_default():
        case None:
            return ""
        case bool(value):
            return str(value).lower()
        case tuple(values):
            return ",".join(map(str, values))
        case dict(pairs):
            return ",".join(f"{name}={value}" for name, value in pairs.items())
        case Path():  # where this is installed tells a reader nothing
            return "packaged"
        case value:
            return _in_words(value)


def _in_words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(settings: list[Setting]) -> Table:
    table = Table(
        title="Settings, from the environment or --env-file",
        title_justify="left",
        box=None,
        header_style="underline",
        padding=(0, 2, 0, 0),
    )
    table.add_column("Setting", no_wrap=True)
    table.add_column("Default", overflow="fold")
    table.add_column("Meaning", ratio=1)
    for setting in settings:
        table.add_row(*(Text(part) for part in setting))
    return table
