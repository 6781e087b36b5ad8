"""`heartward backup` and `heartward restore`: a ward's memory in one file."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from pathlib import Path
from typing import Annotated

import typer

from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import KafkaConnection
from models.errors import UserError

backups = typer.Typer()

Console = Annotated[
    Path | None, typer.Option(help="The console's folder: its database, clips and keys.")
]
Settings = Annotated[Path | None, typer.Option(help="Folder of settings, as /etc/heartward.")]
DatabaseUrl = Annotated[
    Path | None, typer.Option(help="File whose first line is the console's postgresql://...")
]
Kafka = Annotated[
    bool, typer.Option("--kafka/--no-kafka", help="Assignments, models, alarms and answers.")
]


@backups.command(cls=reading())
@connected(KafkaConnection)
def backup(
    connection: KafkaConnection,
    to: Annotated[Path, typer.Argument(help="File to write: .tar.gz.")],
    kafka: Kafka = True,
    console: Console = None,
    settings: Settings = None,
    database_url_file: DatabaseUrl = None,
) -> None:
    """Save what could not be made again; the ward goes on meanwhile."""
    from deploy.backup import Parts
    from deploy.backup import backup as save

    used = connection if kafka else None
    parts = Parts(used, console, settings, _first_line(database_url_file))
    manifest = save(parts, to)
    typer.echo(f"{to}: {manifest.records} records, {len(manifest.files)} files")


@backups.command(cls=reading())
@connected(KafkaConnection)
def restore(
    connection: KafkaConnection,
    archive: Annotated[Path, typer.Argument(help="File of `heartward backup`.")],
    kafka: Kafka = True,
    console: Console = None,
    settings: Settings = None,
    database_url_file: DatabaseUrl = None,
) -> None:
    """Bring a backup back where there is nothing yet, before any other part is started."""
    from deploy.backup import Parts
    from deploy.backup import restore as bring_back

    used = connection if kafka else None
    parts = Parts(used, console, settings, _first_line(database_url_file))
    manifest = bring_back(parts, archive)
    typer.echo(f"{archive}: {manifest.records} records, {len(manifest.files)} files are back")


def _first_line(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text().partition("\n")[0].strip()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
