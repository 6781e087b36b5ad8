"""What models are worth, and what is in the data sets that say so."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.shared import Draws, training_extra
from models.errors import UserError

evaluation = typer.Typer()
data = typer.Typer(no_args_is_help=True, help="Data sets: which there are, what is in them.")


What = Annotated[
    str | None, typer.Argument(help="An ONNX file, a shipped NAME, or a folder of predictions.")
]
Run = Annotated[
    Path | None,
    typer.Option(
        help="Folder that `heartward train` wrote, instead: hear what it held back or, with "
        "--data, another data set; the predictions go into it."
    ),
]
DataSet = Annotated[
    str | None,
    typer.Option(
        help="Data set, or folder of recordings, to test on; physionet2016 for an artifact."
    ),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        help="Split with a held-out part, or all; by default the held-out part where the "
        "artifact was trained on this data set, else all."
    ),
]
Results = Annotated[
    Path | None, typer.Option(help="Folder for JSON, figures, predictions and cost.")
]
Other = Annotated[
    str | None, typer.Option(help="Another artifact: is the difference more than luck?")
]
FewFiles = Annotated[
    int | None, typer.Option(min=1, help="Test on so many recordings, for a quick try.")
]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON.")]


@evaluation.command()
def evaluate(
    what: What = None,
    *,
    run: Run = None,
    data: DataSet = None,
    protocol: Protocol = None,
    to: Results = None,
    against: Other = None,
    draws: Draws = 1000,
    max_files: FewFiles = None,
    cost: Annotated[bool, typer.Option(help="Measure the artifact's time and memory.")] = True,
    json: Json = False,
) -> None:
    """Measure a model on recordings that it was not trained on; says so where it was."""
    if (what is None) == (run is None):
        raise UserError("name what to evaluate: an ONNX file, a model, a folder, or --run FOLDER")
    with training_extra():
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
        data=data,
        protocol=protocol,
        to=to,
        against=against,
        draws=draws,
        max_files=max_files,
        with_cost=cost,
        as_json=json,
    )


@evaluation.command()
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
    with training_extra():
        from training.evaluation.commands import write_report

    write_report(results, to, draws=draws)


@data.command("list")
def data_list(
    json: Json = False,
) -> None:
    """Show the data sets that are known by name, and where they lie."""
    from training.datasets.commands import show_list

    show_list(as_json=json)


@data.command("describe")
def data_describe(
    name: Annotated[str, typer.Argument(help="A data set, or a folder of your own recordings.")],
    plot: Annotated[Path | None, typer.Option(help="Write pictures into this folder.")] = None,
    json: Json = False,
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
