"""`heartward devices add|rotate|revoke|list` and `heartward access`: who is let in."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from pathlib import Path
from typing import Annotated, Literal

import typer

from deploy.commands.upkeep import devices
from deploy.devices import ProvisioningSettings
from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import KafkaConnection, load

access = typer.Typer(no_args_is_help=True, help="Kafka's users and what each process may.")

Device = Annotated[str, typer.Argument(help="Id of the wearable.")]
_SETTINGS = "deploy.devices:ProvisioningSettings"


@devices.command(cls=reading(_SETTINGS))
def add(device: Device) -> None:
    """Let a wearable in, and print its password: it is kept nowhere else."""
    _show(device, "add")


@devices.command(cls=reading(_SETTINGS))
def rotate(device: Device) -> None:
    """Give a wearable another password, and print it; with the old one it is cut off."""
    _show(device, "rotate")


@devices.command(cls=reading(_SETTINGS))
def revoke(device: Device) -> None:
    """Let a wearable in no more, and cut it off."""
    from deploy.devices import change

    change(load(ProvisioningSettings), device, "revoke")


@devices.command("list", cls=reading(_SETTINGS))
def list_devices() -> None:
    """Print every wearable that is let in."""
    from deploy.devices import devices as known

    for device in known(load(ProvisioningSettings)):
        typer.echo(device)


@access.command(cls=reading())
@connected(KafkaConnection)
def apply(
    kafka: KafkaConnection,
    passwords: Annotated[
        Path, typer.Option(help="Folder of one file a user; what is missing is made.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
) -> None:
    """Make one user a process, and let each read and write what it must, and no more."""
    from deploy.kafka_access import apply as apply_access
    from deploy.kafka_access import passwords as passwords_in
    from deploy.tables import show_table

    given = {} if dry_run else passwords_in(passwords)
    show_table(("User", "Permissions given", "Taken"), apply_access(kafka, given, dry_run=dry_run))


@access.command("list")
def list_access() -> None:
    """Show what each process may."""
    from deploy.kafka_access import ACCESS
    from deploy.tables import show_table

    rows = [
        (each.user, _names(each.reads), _names(each.writes), ", ".join(each.groups))
        for each in ACCESS
    ]
    show_table(("User", "Reads", "Writes", "Groups"), rows)


def _names(topics: tuple[object, ...]) -> str:
    return " ".join(str(getattr(topic, "name", topic)) for topic in topics)


def _show(device: str, action: Literal["add", "rotate"]) -> None:
    """Print the new password, also where the broker could not be told: nobody else has it."""
    from deploy.devices import BrokerNotToldError, change

    try:
        typer.echo(change(load(ProvisioningSettings), device, action))
    except BrokerNotToldError as error:
        typer.echo(error.password)
        raise
