"""`heartward dashboards`: Grafana's boards as code."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from dashboards.grafana.settings import GrafanaConnection
from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import InfluxConnection
from models.errors import UserError

boards = typer.Typer(no_args_is_help=True, help="Grafana's boards, alerts and data source as code.")


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'heartward[dashboards]'") from error


@boards.command()
def build(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a file differs.")
    ] = False,
) -> None:
    """Write boards, data source, alert rules and contact points as Grafana is provisioned."""
    with _extra():
        from dashboards.grafana.build import FOLDER, differing, write

    names = differing() if check else write()
    for name in names:
        typer.echo(f"{'differs' if check else 'written'}: {name}")
    if check and names:
        raise UserError(f"{FOLDER} is not what the code makes: heartward dashboards build")


@boards.command(cls=reading())
@connected(GrafanaConnection, InfluxConnection)
def sync(
    grafana: GrafanaConnection,
    influx: InfluxConnection,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
) -> None:
    """Bring a running Grafana to the state of the code; the same twice changes nothing."""
    with _extra():
        from dashboards.grafana.sync import sync as bring
    from deploy.tables import show_table

    if influx.url is None:
        raise UserError("no InfluxDB for the boards: give its address in HEARTWARD_INFLUX_URL")
    changes = bring(
        grafana.url, grafana.secret(), influx, email=grafana.alert_email, dry_run=dry_run
    )
    show_table(("", "Name", "Done"), changes)
