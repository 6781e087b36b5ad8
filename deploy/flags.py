"""Flags for addresses, users and certificates, made from the settings classes themselves.

Name, type and help of a flag are those of the setting, so command line, environment and file
cannot drift apart. A setting that holds a secret gets no flag: a command line is public.
"""

import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import typer
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from ingest.connections import is_secret, load

_Result = TypeVar("_Result")


class _Flag(NamedTuple):
    """``--mqtt-host`` of ``MqttConnection.host``: a keyword of the command, a field of the kind."""

    kind: type[BaseSettings]
    field: str
    keyword: str

    def parameter(self) -> inspect.Parameter:
        declared = self.kind.model_fields[self.field]
        dashed = self.keyword.replace("_", "-")
        is_switch = declared.annotation is bool
        prefix = self.kind.model_config.get("env_prefix", "")
        title = getattr(self.kind, "title", prefix)
        option = typer.Option(
            f"--{dashed}/--no-{dashed}" if is_switch else f"--{dashed}",
            help=declared.description,
            rich_help_panel=f"{title} (flags, or {prefix}... settings)",
            # It is that of the settings class; to Typer every one of these flags is empty.
            show_default=False if declared.default in (None, False) else str(declared.default),
        )
        return inspect.Parameter(
            self.keyword,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_flag_type(declared.annotation), option],
        )


def connected(*kinds: type[BaseSettings]) -> Callable[[Callable[..., _Result]], Any]:
    """Give a command one loaded connection of each kind, first, and their flags."""
    flags = [flag for kind in kinds for flag in _flags(kind)]

    def decorate(command: Callable[..., _Result]) -> Callable[..., _Result]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[len(kinds) :]

        @functools.wraps(command)
        def with_connections(**given: Any) -> _Result:
            values = {flag: given.pop(flag.keyword) for flag in flags}
            return command(
                *(load(k, {f.field: v for f, v in values.items() if f.kind is k}) for k in kinds),
                **given,
            )

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        parameters += [flag.parameter() for flag in flags]
        with_connections.connections = kinds  # type: ignore[attr-defined]
        with_connections.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_connections

    return decorate


def environment_of(
    settings: BaseSettings, *, only: Collection[str] | None = None
) -> dict[str, str]:
    """The same settings as environment variables, for a child process; secrets included."""
    prefix = settings.model_config.get("env_prefix", "")
    names = type(settings).model_fields if only is None else only
    values = {name: getattr(settings, name) for name in names}
    return {
        f"{prefix}{name}".upper(): _as_text(value)
        for name, value in values.items()
        if value is not None
    }


def _as_text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _flags(kind: type[BaseSettings]) -> Iterator[_Flag]:
    title = kind.model_config.get("env_prefix", "").removeprefix("HEARTWARD_").lower()
    fields = kind.model_fields
    own_first = sorted(fields, key=lambda name: name not in kind.__annotations__)
    for name in own_first:
        if not is_secret(kind, name):
            yield _Flag(kind, name, f"{title}{name}")


def _flag_type(annotation: Any) -> Any:
    """What the command line parses; the settings class has the last word on the value."""
    for known in (bool, int, Path):
        if known in (annotation, *get_args(annotation)):
            return known | None
    return str | None
