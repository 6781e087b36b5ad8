"""Hear recordings with the models, look at the models, and choose what the ward runs."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from pathlib import Path
from typing import Annotated

import typer

from deploy.flags import connected
from deploy.settings_help import reading
from ingest.connections import KafkaConnection

hearing = typer.Typer()
models = typer.Typer(no_args_is_help=True, help="Models: which there are, which the ward runs.")


@hearing.command()
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


@hearing.command(cls=reading())
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
