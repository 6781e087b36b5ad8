"""`heartward backup` and `heartward restore`: a ward's memory in one file."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import KafkaConnection
from models.errors import UserError

if TYPE_CHECKING:
    from deploy.backup import Manifest, Parts

backups = typer.Typer()


def _backup(parts: "Parts", archive: Path) -> "Manifest":
    from deploy.backup import backup

    return backup(parts, archive)


def _restore(parts: "Parts", archive: Path) -> "Manifest":
    from deploy.backup import restore

    return restore(parts, archive)


def _add(name: str, done: str, work: Callable[["Parts", Path], "Manifest"], explained: str) -> None:
    """Make one of the two commands, which take the same parts."""

    @backups.command(name, cls=reading(), help=explained)
    @connected(KafkaConnection)
    def command(
        connection: KafkaConnection,
        archive: Annotated[Path, typer.Argument(help="The file: .tar.gz.")],
        kafka: Annotated[
            bool,
            typer.Option("--kafka/--no-kafka", help="Assignments, models, alarms and answers."),
        ] = True,
        console: Annotated[
            Path | None, typer.Option(help="The console's folder: its database, clips and keys.")
        ] = None,
        settings: Annotated[
            Path | None, typer.Option(help="Folder of settings, as /etc/heartward.")
        ] = None,
        database_url_file: Annotated[
            Path | None,
            typer.Option(help="File whose first line is the console's postgresql://..."),
        ] = None,
    ) -> None:
        from deploy.backup import Parts

        used = connection if kafka else None
        manifest = work(Parts(used, console, settings, _first_line(database_url_file)), archive)
        typer.echo(f"{archive}: {manifest.records} records, {len(manifest.files)} files {done}")


_add(
    "backup", "are kept", _backup, "Save what could not be made again; the ward goes on meanwhile."
)
_add(
    "restore",
    "are back",
    _restore,
    "Bring a backup back where there is nothing yet, before any other part is started.",
)


def _first_line(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text().partition("\n")[0].strip()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
