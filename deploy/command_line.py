"""The command line: the commands of `deploy.commands`, each of which loads what it needs."""

import os
import sys
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.alarms import alarms
from deploy.commands.backups import backups
from deploy.commands.dashboards import boards
from deploy.commands.evaluation import data, evaluation
from deploy.commands.exchange import exchange
from deploy.commands.models import hearing, models
from deploy.commands.provisioning import access
from deploy.commands.series import drifting, series
from deploy.commands.training import training
from deploy.commands.upkeep import devices, topics, upkeep
from deploy.commands.ward import ward
from models.errors import UserError

app = typer.Typer(
    name="heartward",
    help="Watch the heart sounds of a whole ward. Research software, not a medical device.",
    epilog="Passwords and tokens are read from the environment or from a file, never from the "
    "command line. Every part reads HEARTWARD_... settings; --env-file names a file of them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _put_in(panel: str, commands: typer.Typer, **groups: typer.Typer) -> None:
    # Typer shows a panel only where each command names it.
    for command in commands.registered_commands:
        command.rich_help_panel = panel
    app.add_typer(commands)
    for name, group in groups.items():
        app.add_typer(group, name=name, rich_help_panel=panel)


_put_in("The ward", ward, alarms=alarms)
_put_in("Upkeep", upkeep, topics=topics, devices=devices)
_put_in("Upkeep", exchange)
_put_in("Upkeep", backups)
_put_in("Upkeep", drifting, series=series, dashboards=boards, access=access)
_put_in("Models", hearing, models=models)
_put_in("Training and evaluation", training)
_put_in("Training and evaluation", evaluation, data=data)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"heartward {version('heartward')}")
        raise typer.Exit


@app.callback()
def start(
    env_file: Annotated[
        Path | None, typer.Option(help="File of HEARTWARD_... settings, one a line.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    if env_file is not None:
        os.environ["HEARTWARD_ENV_FILE"] = str(env_file)


def run() -> None:
    """Do what the command line says; exits with one line for what went wrong."""
    # Not every terminal knows every sign; a question mark is better than no table.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="heartward")
    except UserError as error:
        sys.exit(str(error))
