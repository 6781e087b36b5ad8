"""Costs out of the benchmarks' own reports, in the place of those that ship."""

import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from deploy.sizing import Costs, Everything, Load, Measured, Writer
from models.errors import UserError

# A hospital has Apache's Kafka; the embedded one costs more.
_CAPACITY = ("capacity-apache.json", "capacity.json")
_INFLUX = "influx.json"
_BENCH = "python -m tests.benchmarks"

_Known = TypeVar("_Known", Costs, Measured)


def with_results(known: _Known, folder: Path) -> _Known:
    """Put in what the reports of a folder tell; what they do not tell stays.

    Raises
    ------
    UserError
        When there is none, or one that cannot be read.
    """
    capacity = next((runs for name in _CAPACITY if (runs := _runs(folder / name))), [])
    writers = [run for run in _runs(folder / _INFLUX) if not run["late"]]
    found: dict[str, list[Load] | list[Everything] | list[Writer]] = {
        "measured": [_load(run) for run in capacity if not run["everything"]],
        "everything": [_everything(run) for run in capacity if run["everything"]],
        "writer": [_writer(run) for run in writers],
    }
    if not any(found.values()):
        raise UserError(f"{folder} has no results: {_BENCH} capacity influx")
    return msgspec.structs.replace(known, **{name: runs[0] for name, runs in found.items() if runs})


def _runs(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    try:
        runs: list[dict[str, Any]] = json.loads(file.read_text())["measured"]["runs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} is no result of a benchmark: {error}") from None
    return runs


def _load(run: dict[str, Any]) -> Load:
    of = run["cpu_us_per_device_s"]
    return Load(
        by=_command(run),
        kafka=_kafka(run),
        worker_us=_rounded(of["workers"]),
        bridge_us=_rounded(of["bridge"]),
        mqtt_us=_rounded(of["MQTT broker"]),
        kafka_us=_rounded(of["Kafka"]),
    )


def _everything(run: dict[str, Any]) -> Everything:
    of = run["cpu_us_per_device_s"]
    return Everything(
        by=_command(run),
        worker_us=_rounded(of["workers"]),
        alarms_us=_rounded(of["alarm worker"]),
    )


def _writer(run: dict[str, Any]) -> Writer:
    of = run["cpu_us_per_result"]
    return Writer(
        by=f"{_BENCH}.bench_influx",
        writer_us=_rounded(of["writer"]),
        database_us=_rounded(of["database"]),
    )


def _kafka(run: dict[str, Any]) -> str:
    """Which one it was; reports of before there was a choice do not say."""
    return str(run.get("kafka", "embedded"))


def _command(run: dict[str, Any]) -> str:
    """What was run, so that anybody can run it again."""
    flags = f"--devices {run['devices']} --workers {run['workers']}"
    flags += " --kafka apache" if _kafka(run) == "apache" else ""
    flags += " --everything" if run["everything"] else ""
    return f"{_BENCH}.bench_capacity {flags}"


def _rounded(cost_us: float) -> float:
    """A microsecond more or less is no difference between two runs."""
    return float(round(cost_us))
