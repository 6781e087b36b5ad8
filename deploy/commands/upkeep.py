"""Keep a ward in order: topics, wearables, who wears them, and whether all is well."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection
from models.errors import UserError
from stream_processors.topics import ALL, Topic

upkeep = typer.Typer()
topics = typer.Typer(no_args_is_help=True, help="The topics in Kafka: make them, look at them.")
devices = typer.Typer(no_args_is_help=True, help="Wearables: do they keep the rules of the wire?")


@devices.command("check", cls=reading())
@connected(MqttConnection)
def devices_check(
    mqtt: MqttConnection,
    device: Annotated[str, typer.Argument(help="Id of the wearable.")],
    seconds: Annotated[float, typer.Option(min=1, help="Watch for at most so long.")] = 60.0,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Watch one wearable and say which rules of the wire it keeps and breaks."""
    from ingest.device_watch import run_check

    raise typer.Exit(run_check(device, mqtt, seconds, as_json=json))


@topics.command("apply", cls=reading())
@connected(KafkaConnection)
def topics_apply(
    kafka: KafkaConnection,
    partitions: Annotated[
        int | None, typer.Option(min=1, help="Of the topics that are joined by device.")
    ] = None,
    replication: Annotated[
        int, typer.Option(min=1, help="Copies; a cluster that shall outlive a broker needs 3.")
    ] = 1,
) -> None:
    """Create the topics that are missing; none that exists is changed."""
    from deploy.tables import show_table
    from stream_processors.topic_admin import apply_topics

    outcomes = apply_topics(kafka, partitions=partitions, replication=replication)
    show_table(("Topic", "Partitions", "Done", "Note"), outcomes)
    if any(outcome.note for outcome in outcomes):
        raise UserError("not every topic is as it was asked for: see the notes")


@topics.command("list", cls=reading())
@connected(KafkaConnection)
def topics_list(kafka: KafkaConnection) -> None:
    """Show every topic, whether it exists, and what it keeps."""
    from deploy.tables import show_table
    from stream_processors.topic_admin import describe

    found = describe(kafka)
    rows = [(topic.name, found.get(topic.name, "missing"), _kept(topic)) for topic in ALL]
    show_table(("Topic", "Partitions", "Keeps"), rows)


def _kept(topic: Topic) -> str:
    if topic.retention_ms is None:
        return "the latest of each key"
    return f"{topic.retention_ms // 3_600_000} h"


@upkeep.command(cls=reading())
@connected(KafkaConnection)
def assign(
    kafka: KafkaConnection,
    device: Annotated[str, typer.Argument(help="Id of the wearable.")],
    patient: Annotated[
        str | None, typer.Option(help="Pseudonym of the patient, never a name.")
    ] = None,
    ward: Annotated[str | None, typer.Option(help="Ward.")] = None,
    bed: Annotated[str | None, typer.Option(help="Bed.")] = None,
    end: Annotated[bool, typer.Option("--end", help="Nobody wears it any more.")] = False,
) -> None:
    """Say that from now on this patient, in this bed, wears this device; or, with --end, nobody."""
    from deploy.assignments import new_assignment, write

    now_us = time.time_ns() // 1000
    if end and patient is ward is bed is None:
        _end_assignments(device, kafka, now_us)
        return
    if end or patient is None or ward is None or bed is None:
        raise typer.BadParameter("give --patient, --ward and --bed, or --end alone")
    assignment = new_assignment(device, patient_id=patient, ward=ward, bed=bed, now_us=now_us)
    write([assignment], kafka)
    typer.echo(f"{assignment.assignment_id}: {patient} in {ward}, bed {bed}, wears {device}")


def _end_assignments(device: str, kafka: KafkaConnection, now_us: int) -> None:
    from deploy.assignments import ended, in_kafka, write

    over = ended(in_kafka(kafka), device, now_us=now_us)
    write(over, kafka)
    for each in over:
        where = f"{each.patient_id} in {each.ward}, bed {each.bed}"
        typer.echo(f"{each.assignment_id}: {where}, wears {device} no more")


@upkeep.command(cls=reading())
@connected(MqttConnection, KafkaConnection, InfluxConnection)
def doctor(mqtt: MqttConnection, kafka: KafkaConnection, influx: InfluxConnection) -> None:
    """Check this machine, and the brokers and database that it shall use."""
    from deploy.doctor import examine
    from deploy.tables import show_verdict

    failed = []
    for verdict in examine(mqtt, kafka, influx):  # some wait for an answer that does not come
        show_verdict(verdict)
        if verdict.ok is False:
            failed.append(verdict.check)
    if failed:
        raise UserError(f"{len(failed)} checks failed: {', '.join(failed)}")


@upkeep.command("size")
def size_guide(
    results: Annotated[
        Path | None, typer.Option(help="Folder of what benchmarks measured on your own machine.")
    ] = None,
    beds: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Show the arithmetic for so many.")
    ] = None,
) -> None:
    """Say how many brokers, partitions and workers a ward or a hospital needs, and why."""
    from deploy.sizing import arithmetic, costs, page
    from deploy.sizing_results import with_results
    from deploy.tables import show_table

    given = costs() if results is None else with_results(costs(), results)
    if beds is None:
        typer.echo(page(given), nl=False)
    else:
        show_table(("For so many beds", "Reckoned", "Needed"), arithmetic(beds, given))
