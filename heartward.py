"""Heartward's front door: one command line, one lazy import per subcommand."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from deploy.alarm_commands import alarms
from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection, load
from models.errors import UserError
from stream_processors.topics import ALL, Topic

app = typer.Typer(
    name="heartward",
    help="Watch the heart sounds of a whole ward. Research software, not a medical device.",
    epilog="Passwords and tokens are read from the environment or from a file, never from the "
    "command line. Every part reads HEARTWARD_... settings; --env-file names a file of them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
topics = typer.Typer(no_args_is_help=True, help="The topics in Kafka: make them, look at them.")
devices = typer.Typer(no_args_is_help=True, help="Wearables: do they keep the rules of the wire?")
app.add_typer(topics, name="topics")
app.add_typer(devices, name="devices")
data = typer.Typer(no_args_is_help=True, help="Data sets: which there are, what is in them.")
app.add_typer(data, name="data")
models = typer.Typer(no_args_is_help=True, help="Models: which there are, which the ward runs.")
app.add_typer(models, name="models")
app.add_typer(alarms, name="alarms")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"heartward {version('heartward')}")
        raise typer.Exit


@app.callback()
def start(
    env_file: Annotated[
        Path | None, typer.Option(help="File of HEARTWARD_... settings, one a line.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    if env_file is not None:
        os.environ["HEARTWARD_ENV_FILE"] = str(env_file)


Beds = Annotated[int, typer.Option(min=1, max=5000, help="Wearables to simulate, one a bed.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Audio workers, sharing the devices.")]
Seed = Annotated[int, typer.Option(min=0, help="Two runs with one seed record the same sound.")]
ListenMqtt = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the embedded MQTT broker.")
]
ListenKafka = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the embedded Kafka.")
]
KafkaMemory = Annotated[
    int, typer.Option(min=64, help="MiB that the embedded Kafka may take before it is emptied.")
]


@app.command(cls=reading())
@connected(InfluxConnection)
def demo(
    influx: InfluxConnection,
    *,
    beds: Beds = 12,
    workers: Workers = 1,
    faults: Annotated[
        str | None,
        typer.Option(help="none, gentle or rough; by default gentle, and none with --json."),
    ] = None,
    seed: Seed = 1,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End after so long; without it, at Ctrl-C.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Show nothing; write here what was measured.")
    ] = None,
    listen_mqtt: ListenMqtt = None,
    listen_kafka: ListenKafka = None,
    kafka_memory_mib: KafkaMemory = 2048,
) -> None:
    """Watch a simulated ward come alive; needs nothing but this machine."""
    from deploy.assignments import demonstration_ward
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
    )
    assignments = demonstration_ward(simulation.device_ids(), ward="demonstration", from_us=0)
    if json is None:
        watch(plan, assignments, seconds=seconds)
    else:
        measure(plan, simulation, assignments, seconds=seconds or 60.0, file=json)


@app.command(cls=reading())
@connected(MqttConnection, KafkaConnection, InfluxConnection)
def up(
    mqtt: MqttConnection,
    kafka: KafkaConnection,
    influx: InfluxConnection,
    workers: Workers = 1,
    listen_mqtt: ListenMqtt = None,
    listen_kafka: ListenKafka = None,
    kafka_memory_mib: KafkaMemory = 2048,
) -> None:
    """Run bridge, workers and writer here, and show the ward; brokers not named are embedded."""
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
    )
    watch(plan, (), seconds=None)


@app.command(cls=reading("ingest.bridge:BridgeSettings"))
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


@app.command(cls=reading("stream_processors.settings:WorkerSettings"))
@connected(KafkaConnection)
def worker(
    kafka: KafkaConnection,
    name: Annotated[
        str | None, typer.Option(help="Its own among all workers, for heartbeats and logs.")
    ] = None,
) -> None:
    """Cut the sound into windows, judge, classify and publish them; run as many as you like."""
    from stream_processors.app import run
    from stream_processors.settings import WorkerSettings

    run(load(WorkerSettings, {"name": name}), kafka)


@app.command(cls=reading("stream_processors.influx:InfluxSettings"))
@connected(KafkaConnection, InfluxConnection)
def influx(kafka: KafkaConnection, influx: InfluxConnection) -> None:
    """Write results to InfluxDB; what it cannot take yet waits in Kafka."""
    from stream_processors.influx import InfluxSettings, run

    run(load(InfluxSettings), kafka, influx)


@app.command(cls=reading("ingest.simulator_settings:SimulatorSettings"))
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
        float | None, typer.Option(min=1, help="Record for so long; without it, until Ctrl-C.")
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


@app.command()
def classify(
    files: Annotated[
        list[Path],
        # One that cannot be read is told apart from those that can, in its own line.
        typer.Argument(help="Recordings, or folders: WAV, FLAC, OGG, MP3.", readable=False),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(help="NAME or NAME-VERSION to run, instead of all; may be repeated."),
    ] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="Folder of other models than those that ship.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Every window, one line a file.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Write a picture of each file into this folder.")
    ] = None,
) -> None:
    """Classify recordings as the ward's stream would; runs models of any window, too."""
    from deploy.classifying import classify_files
    from models.registry import Registry

    registry = Registry(models_dir) if models_dir else Registry()
    names = dict.fromkeys(model or ())
    models = [registry.named(name) for name in names] if names else registry.installed()
    raise typer.Exit(classify_files(files, list(dict.fromkeys(models)), as_json=json, plot=plot))


@contextmanager
def _training_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'heartward[training]'") from error


Draws = Annotated[
    int, typer.Option(min=100, max=100_000, help="How often subjects are drawn for an interval.")
]


@app.command()
def evaluate(
    what: Annotated[
        str | None,
        typer.Argument(help="An ONNX file, a shipped NAME, or a folder of predictions."),
    ] = None,
    *,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Folder that `heartward train` wrote, instead: hear what it held back or, with "
            "--data, another data set; the predictions go into it."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Data set, or folder of recordings, to test on; physionet2016 for an artifact."
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Split with a held-out part, or all; by default the held-out part where the "
            "artifact was trained on this data set, else all."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder for JSON, figures, predictions and cost.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another artifact: is the difference more than luck?")
    ] = None,
    draws: Draws = 1000,
    max_files: Annotated[
        int | None, typer.Option(min=1, help="Test on so many recordings, for a quick try.")
    ] = None,
    cost: Annotated[bool, typer.Option(help="Measure the artifact's time and memory.")] = True,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Measure a model on recordings that it was not trained on; says so where it was."""
    if (what is None) == (run is None):
        raise UserError("name what to evaluate: an ONNX file, a model, a folder, or --run FOLDER")
    with _training_extra():
        from training.evaluation.commands import evaluate_and_show
    if run is not None:
        if protocol or to or against:
            raise UserError("--protocol, --to and --against are for artifacts: a run has its own")
        from training.engine.finished import hear_and_show

        hear_and_show(run, data=data, max_files=max_files, draws=draws, as_json=json)
        return
    assert what is not None  # noqa: S101 (one of both is given)
    evaluate_and_show(
        what,
        data=data or "physionet2016",
        protocol=protocol,
        to=to,
        against=against,
        draws=draws,
        max_files=max_files,
        with_cost=cost,
        as_json=json,
    )


@app.command()
def report(
    results: Annotated[
        Path, typer.Argument(help="Folder of what was trained and evaluated.")
    ] = Path("runs"),
    *,
    to: Annotated[
        Path | None,
        typer.Option("--out", "--to", help="Folder for comparison.md; else the results' own."),
    ] = None,
    draws: Draws = 1000,
) -> None:
    """Compare everything in a folder of results, beside the figures of the literature."""
    with _training_extra():
        from training.evaluation.commands import write_report

    write_report(results, to, draws=draws)


@data.command("list")
def data_list(
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Show the data sets that are known by name, and where they lie."""
    from training.datasets.commands import show_list

    show_list(as_json=json)


@data.command("describe")
def data_describe(
    name: Annotated[str, typer.Argument(help="A data set, or a folder of your own recordings.")],
    plot: Annotated[Path | None, typer.Option(help="Write pictures into this folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Count and hear what is in a data set: labels, people, lengths, spectra."""
    from training.datasets.commands import show_description

    show_description(name, plot, as_json=json)


@data.command("download")
def data_download(
    name: Annotated[str, typer.Argument(help="A data set.")],
    to: Annotated[
        Path | None, typer.Option(help="Folder of data sets; else HEARTWARD_DATA, or the cache.")
    ] = None,
) -> None:
    """Fetch a data set from where it is published, and check it."""
    from training.datasets.commands import fetch_set

    fetch_set(name, to)


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe that ships, or a TOML file.")],
    *,
    protocol: Annotated[
        list[str] | None, typer.Option(help="In place of the recipe's; may be given repeatedly.")
    ] = None,
    fold: Annotated[int, typer.Option(min=0, help="Which of the protocol's trainings.")] = 0,
    all_folds: Annotated[bool, typer.Option("--all-folds", help="All, one by one.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's.")] = None,
    max_files: Annotated[
        int | None, typer.Option(min=2, help="Train on no more recordings: for a quick try.")
    ] = None,
    init: Annotated[
        Path | None, typer.Option(help="File of trained weights to begin from.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="In place of the recipe's.")] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; by default cuda where there is one.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the CPU.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last whole epoch.")
    ] = False,
    search: Annotated[
        int | None, typer.Option(min=1, help="Try so many values of the recipe's ranges instead.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; else runs/RECIPE/fold-N-seed-S.")
    ] = None,
) -> None:
    """Train a net by a recipe; writes weights, history, curves and what it was trained on."""
    try:
        from training.engine.commands import Order, run
    except ModuleNotFoundError as error:
        raise UserError(
            f"training needs {error.name}: pip install 'heartward[training]'"
        ) from error

    run(
        Order(
            recipe=recipe,
            protocol=tuple(protocol or ()),
            fold=fold,
            all_folds=all_folds,
            epochs=epochs,
            max_files=max_files,
            init=init,
            seed=seed,
            device=device,
            threads=threads,
            resume=resume,
            trials=search,
            out=out,
        )
    )


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A finished run's folder, as heartward train wrote.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder to write NAME-VERSION.onnx and .ort into.")],
    name: Annotated[str | None, typer.Option(help="By default the recipe's.")] = None,
    version: Annotated[str, typer.Option(help="Three numbers.")] = "0.0.0",
    int8: Annotated[
        bool, typer.Option("--int8", help="Write NAME-VERSION-int8 with 8-bit weights, too.")
    ] = False,
    bare: Annotated[
        bool,
        typer.Option(
            "--bare",
            help="Read no recordings: without temperature, figures and reference distributions.",
        ),
    ] = False,
    draws: Draws = 1000,
) -> None:
    """Write a trained net as self-describing ONNX: waveform in, probabilities out.

    The file is held against PyTorch before it is written. Its temperature is fitted on the run's
    validation part, its figures are from the run's saved predictions. To choose among 8-bit forms
    and to list the artifact with a card, use heartward ship.
    """
    with _training_extra():
        from training.shipping.commands import export_run

    export_run(run, out, name=name, version=version, bare=bare, int8=int8, draws=draws)


@app.command()
def ship(
    final: Annotated[
        list[Path],
        typer.Option(
            help="Run whose weights ship; given repeatedly, the mean of several nets of one "
            "recipe.",
        ),
    ],
    name: Annotated[str, typer.Option(help="The artifact's, such as screen or valve.")],
    version: Annotated[str, typer.Option(help="Three numbers, such as 1.0.0.")],
    *,
    protocol_runs: Annotated[
        list[Path] | None,
        typer.Option(
            help="Runs of the same recipe that held recordings back, or a folder of them; may be "
            "given repeatedly. They give figures, temperature and the gate; without any, the "
            "final run's own held-back part does.",
        ),
    ] = None,
    figures: Annotated[
        list[Path] | None,
        typer.Option(
            help="Further folders of predictions for the card's figures alone, such as other "
            "protocols or data sets; may be given repeatedly."
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="By default what the labels are known for, else the name.")
    ] = None,
    intended_use: Annotated[
        str | None, typer.Option(help="Sentence for file and card; by default the task's.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder of artifacts; by default those that ship.")
    ] = None,
    default: Annotated[
        bool, typer.Option(help="Whether it runs where nobody chose; its task's last then not.")
    ] = True,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over this version, if it is listed.")
    ] = False,
    draws: Draws = 1000,
) -> None:
    """Turn trained runs into a registered artifact: measured, quantised, with its card.

    Fits the temperature, exports, compares floating point with the 8-bit forms (size, speed, and
    what each loses on recordings that were held back), and writes the best by that rule with its
    mobile file, card and line in manifest.json. For example, after the protocol's folds and a last
    training on everything:

    heartward ship --final runs/ours-screen/fold-0-seed-1 --protocol-runs runs/ours --name screen
    --version 1.0.0
    """
    from models.registry import ARTIFACTS

    with _training_extra():
        from training.shipping.commands import Order, ship

    ship(
        Order(
            final=tuple(final),
            protocol_runs=tuple(protocol_runs or ()),
            figures=tuple(figures or ()),
            name=name,
            version=version,
            task=task,
            intended_use=intended_use,
            to=to or ARTIFACTS,
            default=default,
            replace=replace,
            draws=draws,
        )
    )


@app.command()
def retrain(
    labels: Annotated[
        Path, typer.Argument(help="Folder of clips and labels.csv, as the console exports it.")
    ],
    *,
    to: Annotated[
        Path, typer.Option(help="Folder of candidates; it remembers which labels are known.")
    ] = Path("retrained"),
    recipe: Annotated[
        str, typer.Option(help="A recipe that ships, or a TOML file.")
    ] = "ours-screen",
    model: Annotated[
        str | None,
        typer.Option(help="NAME or NAME-VERSION in service; else the one with these labels."),
    ] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="Folder of other models than those that ship.")
    ] = None,
    min_new_labels: Annotated[
        int, typer.Option(min=1, help="With fewer than so many new ones nothing is done.")
    ] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's.")] = None,
    max_files: Annotated[
        int | None, typer.Option(min=2, help="Of each part no more recordings: for a quick try.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="In place of the recipe's.")] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; by default cuda where there is one.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the CPU.")] = 1,
    draws: Draws = 1000,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Train a candidate with clinicians' labels and compare it with the model in service.

    It is put in service by nobody but you. Exits with 0 when a candidate was written, with 3 when
    too few labels are new, with 4 when another retraining is at work in the same folder.
    """
    with _training_extra():
        from training.retraining.commands import Order, main_status

    order = Order(
        export=labels,
        to=to,
        recipe=recipe,
        model=model,
        models_dir=models_dir,
        min_new_labels=min_new_labels,
        epochs=epochs,
        max_files=max_files,
        seed=seed,
        device=device,
        threads=threads,
        draws=draws,
    )
    raise typer.Exit(main_status(order, as_json=json))


@app.command(cls=reading())
@connected(KafkaConnection)
def shadow(
    kafka: KafkaConnection,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings, or folders, to hear; else the ward's results are read."),
    ] = None,
    *,
    candidate: Annotated[
        str | None, typer.Option(help="Of files: NAME-VERSION, or its folder.")
    ] = None,
    in_service: Annotated[
        str | None, typer.Option(help="Of files: NAME-VERSION; else the candidate's NAME.")
    ] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="Folder of other models than those that ship.")
    ] = None,
    hours: Annotated[
        float, typer.Option(min=0.01, help="Of the ward's results, the last so many.")
    ] = 24.0,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Hold a candidate against the model in service: where they differ, and what has drifted."""
    from deploy.shadowing import show_files, show_results, two_models
    from models.registry import Registry

    registry = Registry(models_dir) if models_dir else Registry()
    if not files:
        show_results(kafka, registry, hours=hours, as_json=json)
        return
    both = two_models(registry, in_service, candidate)
    raise typer.Exit(show_files(files, *both, as_json=json))


@models.command("list")
def models_list(
    models_dir: Annotated[
        Path | None, typer.Option(help="Folder of other models than those that ship.")
    ] = None,
) -> None:
    """Show the models that are installed, and which run where nobody chose otherwise."""
    from deploy.tables import show_table
    from models.registry import Registry

    registry = Registry(models_dir) if models_dir else Registry()
    rows = [
        (f"{it.name}-{it.version}", it.task, "runs by default" if it.default else "")
        for it in registry.entries
    ]
    show_table(("Model", "Task", ""), rows)


@models.command("choose", cls=reading())
@connected(KafkaConnection)
def models_choose(
    kafka: KafkaConnection,
    model: Annotated[str, typer.Argument(help="NAME or NAME-VERSION.")],
    role: Annotated[
        str, typer.Option(help="active: it runs for its task; shadow: beside; off: none runs.")
    ],
    models_dir: Annotated[
        Path | None, typer.Option(help="The workers' folder of models, if it is another.")
    ] = None,
) -> None:
    """Tell the ward's workers which model to run; they follow without a restart."""
    from deploy.model_choice import choose, role_named
    from models.registry import Registry

    registry = Registry(models_dir) if models_dir else Registry()
    typer.echo(choose(registry.named(model), role_named(role), kafka))


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


@app.command(cls=reading())
@connected(KafkaConnection)
def assign(
    kafka: KafkaConnection,
    device: Annotated[str, typer.Argument(help="Id of the wearable.")],
    patient: Annotated[str, typer.Option(help="Pseudonym of the patient, never a name.")],
    ward: Annotated[str, typer.Option(help="Ward.")],
    bed: Annotated[str, typer.Option(help="Bed.")],
) -> None:
    """Say that from now on this patient, in this bed, wears this device."""
    from deploy.assignments import new_assignment, write

    now_us = time.time_ns() // 1000
    assignment = new_assignment(device, patient_id=patient, ward=ward, bed=bed, now_us=now_us)
    write([assignment], kafka)
    typer.echo(f"{assignment.assignment_id}: {patient} in {ward}, bed {bed}, wears {device}")


@app.command(cls=reading())
@connected(MqttConnection, KafkaConnection, InfluxConnection)
def doctor(mqtt: MqttConnection, kafka: KafkaConnection, influx: InfluxConnection) -> None:
    """Check this machine, and the brokers and database that it shall use."""
    from deploy.doctor import examine
    from deploy.tables import show_verdicts

    verdicts = list(examine(mqtt, kafka, influx))
    show_verdicts(verdicts)
    failed = sum(verdict.ok is False for verdict in verdicts)
    if failed:
        raise UserError(f"{failed} of {len(verdicts)} checks failed")


def main() -> None:
    # Not every terminal knows every sign; a question mark is better than no table.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="heartward")
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
