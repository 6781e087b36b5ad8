"""`heartward alarms`: run the alarm worker, and see what its alarms were worth."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from pathlib import Path
from typing import Annotated

import typer

from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import KafkaConnection, load

alarms = typer.Typer(no_args_is_help=True, help="Alarms: run them, count them, try other limits.")

Hours = Annotated[float, typer.Option(min=0.01, help="So long a period of Kafka, up to now.")]
RecordFile = Annotated[
    Path | None, typer.Option("--file", help="File of `alarms record`, instead of Kafka.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON.")]


@alarms.command(cls=reading("stream_processors.alarm_settings:AlarmSettings"))
@connected(KafkaConnection)
def run(
    kafka: KafkaConnection,
    name: Annotated[
        str | None, typer.Option(help="Its own among all workers, for heartbeats and logs.")
    ] = None,
    limits: Annotated[
        Path | None, typer.Option(help="TOML file of the wards' limits; else those built in.")
    ] = None,
) -> None:
    """Raise, escalate and clear alarms; run as many as you like."""
    from stream_processors.alarm_app import run as run_worker
    from stream_processors.alarm_settings import AlarmSettings

    run_worker(load(AlarmSettings, {"name": name, "limits": limits}), kafka)


@alarms.command(cls=reading())
@connected(KafkaConnection)
def report(
    kafka: KafkaConnection, file: RecordFile = None, hours: Hours = 24.0, json: AsJson = False
) -> None:
    """Count alarms per patient-hour, answers, and the patients who cause most."""
    from deploy.alarm_reports import Period
    from deploy.alarm_reports import report as show

    show(Period(kafka=kafka, hours=hours, file=file), as_json=json)


@alarms.command(cls=reading())
@connected(KafkaConnection)
def replay(
    kafka: KafkaConnection,
    limits: Annotated[Path, typer.Option(help="TOML file of the limits to try.")],
    against: Annotated[
        Path | None, typer.Option(help="TOML file of the wards' limits now; else those built in.")
    ] = None,
    file: RecordFile = None,
    hours: Hours = 24.0,
    json: AsJson = False,
) -> None:
    """Run recorded results through other limits and count the alarms there would have been."""
    from deploy.alarm_reports import Period
    from deploy.alarm_reports import replay as show

    show(Period(kafka=kafka, hours=hours, file=file), limits, against, as_json=json)


@alarms.command(cls=reading())
@connected(KafkaConnection)
def record(
    kafka: KafkaConnection,
    to: Annotated[Path, typer.Argument(help="File to write.")],
    hours: Hours = 24.0,
) -> None:
    """Keep a period of results, actions and alarms in a file, for report and replay."""
    from deploy.alarm_reports import Period
    from deploy.alarm_reports import record as keep

    keep(Period(kafka=kafka, hours=hours), to)


@alarms.command()
def limits() -> None:
    """Show every limit with its default and what it may be."""
    from deploy.tables import show_table
    from stream_processors.alarms.limits import described

    rows = [(n, f"{d:g}", f"{low:g} to {high:g}", w) for n, d, low, high, w in described()]
    show_table(("Limit", "Default", "Allowed", "Meaning"), rows)
