"""`heartward record` and `heartward replay`: a period of the ward in a folder, and back."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import KafkaConnection
from models.errors import UserError

exchange = typer.Typer()


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'heartward[exchange]'") from error


@exchange.command(cls=reading())
@connected(KafkaConnection)
def record(
    kafka: KafkaConnection,
    to: Annotated[Path, typer.Argument(help="Folder to write, empty or new.")],
    hours: Annotated[float, typer.Option(min=0.001, help="So long a period, up to now.")] = 1.0,
    wfdb: Annotated[bool, typer.Option("--wfdb", help="Sound as WFDB, not as FLAC.")] = False,
) -> None:
    """Keep the sound and the results of a period: FLAC or WFDB, and Parquet.

    A period may be longer than memory is large. Until it is whole, its folder takes some 30 MB for
    each device and hour at 2 kHz; a quarter of that and less stays.
    """
    with _extra():
        from deploy.exchange.period import record as keep

        now_us = time.time_ns() // 1000
        period = keep(
            kafka,
            to,
            from_us=now_us - round(hours * 3.6e9),
            until_us=now_us,
            form="wfdb" if wfdb else "flac",
        )
    typer.echo(
        f"{to}: {period.chunks} chunks in {period.sounds} sounds, {period.results} results"
        + (f"; {period.unreadable} records were no chunks" if period.unreadable else "")
    )


@exchange.command(cls=reading())
@connected(KafkaConnection)
def replay(
    kafka: KafkaConnection,
    folder: Annotated[Path, typer.Argument(help="Folder of `heartward record`.")],
    compare: Annotated[
        bool, typer.Option("--compare", help="Write nothing; hold this Kafka's results against it.")
    ] = False,
) -> None:
    """Put a recorded period on another Kafka, where workers make the same results of it.

    Never the ward's own: its patients would have the past's sound. Records keep their times, so
    the topics there must keep sound for longer than the period is old.
    """
    with _extra():
        from deploy.exchange import period as kept

        if not compare:
            done = kept.replay(kafka, folder)
            typer.echo(f"{kafka.address}: {done.chunks} chunks")
            return
        found = kept.compare(kafka, folder)
    typer.echo(
        f"{found.same} results are the same, {found.different} differ, {found.missing} are "
        f"missing, {found.more} are more"
    )
    if found.different or found.missing or found.more:
        raise UserError("the results are not the same")
