"""The parts of a ward: all together, or one by one."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection, load
from models.errors import UserError

ward = typer.Typer(rich_help_panel="The ward")

Beds = Annotated[int, typer.Option(min=1, max=5000, help="Wearables to simulate, one a bed.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Audio workers, sharing the devices.")]
Seed = Annotated[int, typer.Option(min=0, help="Two runs with one seed record the same sound.")]
Faults = Annotated[
    str | None, typer.Option(help="none, gentle or rough; by default gentle, and none with --json.")
]
Seconds = Annotated[
    float | None, typer.Option(min=1, max=604_800, help="End after so long; without it, at Ctrl-C.")
]
JsonFile = Annotated[Path | None, typer.Option(help="Show nothing; write here what was measured.")]
ListenMqtt = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the embedded MQTT broker.")
]
ListenKafka = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the embedded Kafka.")
]
ConsolePort = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Port of the console; else 8000, or a free one."),
]
KafkaMemory = Annotated[
    int, typer.Option(min=64, help="MiB that the embedded Kafka may take before it is emptied.")
]


@ward.command(cls=reading())
@connected(InfluxConnection)
def demo(
    influx: InfluxConnection,
    *,
    beds: Beds = 12,
    workers: Workers = 1,
    faults: Faults = None,
    seed: Seed = 1,
    seconds: Seconds = None,
    json: JsonFile = None,
    listen_mqtt: ListenMqtt = None,
    listen_kafka: ListenKafka = None,
    kafka_memory_mib: KafkaMemory = 2048,
    port: ConsolePort = None,
) -> None:
    """Watch a simulated ward come alive; needs nothing but this machine."""
    from deploy.assignments import demonstration_ward
    from deploy.console_login import demonstration_login
    from deploy.headless import measure
    from deploy.local_stack import Plan, Simulation
    from deploy.show import watch

    faults = faults or ("none" if json else "gentle")
    simulation = Simulation(beds=beds, faults=faults, seed=seed)
    plan = Plan(
        influx=influx,
        workers=workers,
        simulation=simulation,
        listen_mqtt=listen_mqtt,
        listen_kafka=listen_kafka,
        kafka_memory_mib=kafka_memory_mib,
        # What is measured without a person before it is measured without pages, unless asked.
        console=demonstration_login(port) if json is None or port is not None else None,
    )
    assignments = demonstration_ward(simulation.device_ids(), ward="demonstration", from_us=0)
    if json is None:
        watch(plan, assignments, seconds=seconds)
    else:
        measure(plan, simulation, assignments, seconds=seconds or 60.0, file=json)


@ward.command(cls=reading())
@connected(MqttConnection, KafkaConnection, InfluxConnection)
def up(
    mqtt: MqttConnection,
    kafka: KafkaConnection,
    influx: InfluxConnection,
    workers: Workers = 1,
    listen_mqtt: ListenMqtt = None,
    listen_kafka: ListenKafka = None,
    kafka_memory_mib: KafkaMemory = 2048,
    port: ConsolePort = None,
) -> None:
    """Run all parts here, the console too, and show the ward; brokers not named are embedded."""
    from deploy.console_login import own_login
    from deploy.local_stack import Plan
    from deploy.show import watch

    plan = Plan(
        mqtt=mqtt if mqtt.model_fields_set else None,
        kafka=kafka if kafka.model_fields_set else None,
        influx=influx,
        workers=workers,
        listen_mqtt=listen_mqtt,
        listen_kafka=listen_kafka,
        kafka_memory_mib=kafka_memory_mib,
        console=own_login(port),
    )
    watch(plan, (), seconds=None)


@ward.command(cls=reading("ingest.bridge:BridgeSettings"))
@connected(MqttConnection, KafkaConnection)
def bridge(
    mqtt: MqttConnection,
    kafka: KafkaConnection,
    name: Annotated[
        str | None, typer.Option(help="Its own among all bridges; the broker knows it by this.")
    ] = None,
    groups: Annotated[
        str | None, typer.Option(help="Topic groups that it serves, comma between; + means all.")
    ] = None,
) -> None:
    """Move chunks from MQTT into Kafka, and tell each device what is stored."""
    from ingest.bridge import BridgeSettings, run

    run(load(BridgeSettings, {"name": name, "groups": groups}), mqtt, kafka)


@ward.command(cls=reading("stream_processors.settings:WorkerSettings"))
@connected(KafkaConnection)
def worker(
    kafka: KafkaConnection,
    name: Annotated[
        str | None, typer.Option(help="Its own among all workers, for heartbeats and logs.")
    ] = None,
) -> None:
    """Cut the sound into windows, judge, classify and publish them; run as many as you like.

    It tells the heart rate only with HEARTWARD_WORKER_HEART=true, and else no fast or slow heart
    alarms.
    """
    from stream_processors.app import run
    from stream_processors.settings import WorkerSettings

    run(load(WorkerSettings, {"name": name}), kafka)


@ward.command(cls=reading("stream_processors.influx_settings:InfluxSettings"))
@connected(KafkaConnection, InfluxConnection)
def influx(kafka: KafkaConnection, influx: InfluxConnection) -> None:
    """Write results to InfluxDB; what it cannot take yet waits in Kafka."""
    from stream_processors.influx import run
    from stream_processors.influx_settings import InfluxSettings

    run(load(InfluxSettings), kafka, influx)


@ward.command(cls=reading("dashboards.console.configuration:ConsoleSettings"))
@connected(KafkaConnection)
def console(
    kafka: KafkaConnection,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; by default 8000.")
    ] = None,
) -> None:
    """Show the ward in browsers, handle alarms and admissions, and keep the history."""
    from dashboards.console.configuration import ConsoleSettings

    settings = load(ConsoleSettings, {"host": host, "port": port})
    with _console_extra():
        from dashboards.console.serve import run

        run(settings, kafka)


@ward.command(cls=reading("dashboards.console.configuration:ConsoleSettings"))
def token(user: Annotated[str, typer.Argument(help="A user of the console.")]) -> None:
    """Print a new token with which a program may use the console's interface."""
    with _console_extra():
        from deploy.console_login import new_token

        typer.echo(new_token(user))


@ward.command(cls=reading("ingest.simulator_settings:SimulatorSettings"))
@connected(MqttConnection)
def simulate(
    mqtt: MqttConnection,
    beds: Annotated[
        int | None, typer.Option(min=1, max=5000, help="Wearables, one a bed; by default 12.")
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="Folder of .wav and .flac files; else the packaged ones.")
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(help="What goes wrong in the ward: none, gentle or rough; by default none."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Two runs with one seed record the same sound.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, max=604_800, help="Record for so long; without it, until Ctrl-C."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="JSON file for what was sent and acknowledged.")
    ] = None,
) -> None:
    """Be a ward of wearables that replay recordings."""
    from ingest.simulator import SimulatorSettings, run

    flags = {
        "devices": beds,
        "recordings": recordings,
        "faults": faults,
        "seed": seed,
        "duration_s": seconds,
        "report": report,
    }
    run(load(SimulatorSettings, flags), mqtt)


@contextmanager
def _console_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'heartward[console]'") from error
