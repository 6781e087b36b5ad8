"""`heartward series` and `heartward drift`: what the database keeps, and how models move."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from pathlib import Path
from typing import Annotated

import typer

from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import InfluxConnection, KafkaConnection

series = typer.Typer(no_args_is_help=True, help="Buckets and series in InfluxDB.")
drifting = typer.Typer()


@series.command(cls=reading())
@connected(InfluxConnection)
def apply(
    influx: InfluxConnection,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
) -> None:
    """Create buckets with their retention, and the tasks that average minutes and hours."""
    from deploy.series import apply as apply_series
    from deploy.tables import show_table

    show_table(("", "Name", "Done", "Note"), apply_series(influx, dry_run=dry_run))


@series.command()
def count(
    beds: Annotated[int, typer.Option(min=1, max=100_000, help="Beds with a wearable.")] = 1000,
) -> None:
    """Count the series of a ward in which every device has raised every alarm."""
    from deploy.series import count as count_series
    from deploy.series import total
    from deploy.series_sample import sample
    from deploy.tables import show_table
    from models.registry import Registry

    contracts = [model.contract for model in Registry().installed() if model.contract.labels]
    told = [contract for contract in contracts if contract.task != "segment"]
    counts = count_series(sample(beds, told))
    show_table(("Measurement", "Series"), [*counts, ("all", total(counts))])


@drifting.command(cls=reading())
@connected(KafkaConnection, InfluxConnection)
def drift(
    kafka: KafkaConnection,
    influx: InfluxConnection,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="Length of an interval.")] = 60,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with every interval that ends.")
    ] = False,
    models_dir: Annotated[
        Path | None, typer.Option(help="The workers' folder of models, if it is another.")
    ] = None,
) -> None:
    """Write how far each model has moved from its validation, out of the last whole interval."""
    from deploy.drift_watch import follow as keep_following
    from deploy.drift_watch import last_whole, measure
    from models.registry import Registry

    registry = Registry(models_dir) if models_dir else Registry()
    if follow:
        keep_following(kafka, influx, registry, minutes=minutes)
    typer.echo(measure(kafka, influx, registry, *last_whole(minutes)))
