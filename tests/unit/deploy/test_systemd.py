"""The units that ship call commands that are there, and take their exit codes as they are meant."""

import configparser
import shlex
from pathlib import Path

import pytest
import typer

import deploy
from deploy.command_line import app

UNITS = Path(deploy.__path__[0]) / "systemd"


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None, strict=True)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string((UNITS / name).read_text())
    return read


def test_the_service_calls_a_command_with_options_that_it_has() -> None:
    program, command, *arguments = shlex.split(
        unit("heartward-retrain.service")["Service"]["ExecStart"]
    )
    assert Path(program).name == "heartward"
    known = typer.main.get_command(app)
    context = typer.Context(known)
    asked = known.commands[command]  # type: ignore[attr-defined]
    made = asked.make_context(command, arguments, parent=context)
    assert made.params["min_new_labels"] == 50
    assert made.params["json"] is True
    writable = unit("heartward-retrain.service")["Service"]["ReadWritePaths"]
    assert made.params["to"].is_relative_to(writable)


def test_little_news_and_a_retraining_at_work_are_no_failures() -> None:
    commands = pytest.importorskip("training.retraining.commands")
    taken = unit("heartward-retrain.service")["Service"]["SuccessExitStatus"].split()
    assert set(map(int, taken)) == {commands.NOTHING_NEW, commands.BUSY}


def test_the_timer_starts_the_service_of_its_name() -> None:
    timer = unit("heartward-retrain.timer")
    assert "OnCalendar" in timer["Timer"]
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert (UNITS / "heartward-retrain.service").is_file()
