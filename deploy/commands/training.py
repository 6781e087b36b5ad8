"""Train models, export and ship them, and train them again."""

# ruff: noqa: PLC0415 (each command loads what it needs, and nothing else does)

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.shared import Draws, training_extra

training = typer.Typer()

Recipe = Annotated[str, typer.Argument(help="A recipe that ships, or a TOML file.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="In place of the recipe's.")]
Seed = Annotated[int | None, typer.Option(min=0, help="In place of the recipe's.")]
Device = Annotated[
    str | None, typer.Option(help="cpu or cuda; by default cuda where there is one.")
]
Threads = Annotated[int, typer.Option(min=1, help="Of the CPU.")]
Fold = Annotated[
    int | None, typer.Option(min=0, help="Which of the protocol's trainings; by default 0.")
]
AllFolds = Annotated[bool, typer.Option("--all-folds", help="All, one by one.")]
Protocols = Annotated[
    list[str] | None, typer.Option(help="In place of the recipe's; may be given repeatedly.")
]
FewFiles = Annotated[
    int | None, typer.Option(min=2, help="Of each part no more recordings: for a quick try.")
]
Weights = Annotated[Path | None, typer.Option(help="File of trained weights to begin from.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on from the last whole epoch. Where a training was interrupted nothing begins "
        "without this, unless you remove its folder, OUT.part.",
    ),
]
Trials = Annotated[
    int | None, typer.Option(min=1, help="Try so many values of the recipe's ranges instead.")
]
OutFolder = Annotated[
    Path | None, typer.Option(help="Folder to write; else runs/RECIPE/fold-N-seed-S.")
]
Final = Annotated[
    list[Path],
    typer.Option(
        help="Run whose weights ship; given repeatedly, the mean of several nets of one recipe.",
    ),
]
ProtocolRuns = Annotated[
    list[Path] | None,
    typer.Option(
        help="Runs of the same recipe that held recordings back, or a folder of them; may be "
        "given repeatedly. They give figures, temperature and the gate; without any, the final "
        "run's own held-back part does.",
    ),
]
MoreFigures = Annotated[
    list[Path] | None,
    typer.Option(
        help="Further folders of predictions for the card's figures alone, such as other "
        "protocols or data sets; may be given repeatedly."
    ),
]
Task = Annotated[
    str | None, typer.Option(help="By default what the labels are known for, else the name.")
]
IntendedUse = Annotated[
    str | None, typer.Option(help="Sentence for file and card; by default the task's.")
]
Artifacts = Annotated[
    Path | None, typer.Option(help="Folder of artifacts; by default those that ship.")
]
IsDefault = Annotated[
    bool, typer.Option(help="Whether it runs where nobody chose; its task's last then not.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Write over this version, if it is listed.")
]
Labels = Annotated[
    Path, typer.Argument(help="Folder of clips and labels.csv, as the console exports it.")
]
Candidates = Annotated[
    Path, typer.Option(help="Folder of candidates; it remembers which labels are known.")
]
InService = Annotated[
    str | None,
    typer.Option(help="NAME or NAME-VERSION in service; else the one with these labels."),
]
OtherModels = Annotated[
    Path | None, typer.Option(help="Folder of other models than those that ship.")
]
LeastLabels = Annotated[
    int, typer.Option(min=1, help="With fewer than so many new ones nothing is done.")
]


@training.command()
def train(
    recipe: Recipe,
    *,
    protocol: Protocols = None,
    fold: Fold = None,
    all_folds: AllFolds = False,
    epochs: Epochs = None,
    max_files: Annotated[
        int | None, typer.Option(min=2, help="Train on no more recordings: for a quick try.")
    ] = None,
    init: Weights = None,
    seed: Seed = None,
    device: Device = None,
    threads: Threads = 1,
    resume: Resume = False,
    search: Trials = None,
    out: OutFolder = None,
) -> None:
    """Train a net by a recipe; writes weights, history, curves and what it was trained on."""
    with training_extra():
        from training.engine.commands import Order, run

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


@training.command()
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
    with training_extra():
        from training.shipping.commands import export_run

    export_run(run, out, name=name, version=version, bare=bare, int8=int8, draws=draws)


@training.command()
def ship(
    final: Final,
    name: Annotated[str, typer.Option(help="The artifact's, such as screen or valve.")],
    version: Annotated[str, typer.Option(help="Three numbers, such as 1.0.0.")],
    *,
    protocol_runs: ProtocolRuns = None,
    figures: MoreFigures = None,
    task: Task = None,
    intended_use: IntendedUse = None,
    to: Artifacts = None,
    default: IsDefault = True,
    replace: Replace = False,
    draws: Draws = 1000,
) -> None:
    """Turn trained runs into a registered artifact: measured, quantised, with its card.

    Fits the temperature, exports, compares floating point with the 8-bit forms (size, speed, and
    what each loses on recordings that were held back), and writes the best by that rule with its
    mobile file, card and line in manifest.json. For example, after the protocol's folds and a last
    training on everything:

    heartward ship --final runs/ours-cycle-screen/fold-0-seed-1 --protocol-runs
    runs/ours-cycle-audible --name screen --version 1.0.0
    """
    from models.registry import ARTIFACTS

    with training_extra():
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


@training.command()
def retrain(
    labels: Labels,
    *,
    to: Candidates = Path("retrained"),
    recipe: Annotated[
        str, typer.Option(help="A recipe that ships, or a TOML file.")
    ] = "ours-cycle-screen",
    model: InService = None,
    models_dir: OtherModels = None,
    min_new_labels: LeastLabels = 1,
    epochs: Epochs = None,
    max_files: FewFiles = None,
    seed: Seed = None,
    device: Device = None,
    threads: Threads = 1,
    draws: Draws = 1000,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Train a candidate with clinicians' labels and compare it with the model in service.

    It is put in service by nobody but you. Exits with 0 when a candidate was written, with 3 when
    too few labels are new, with 4 when another retraining is at work in the same folder.
    """
    with training_extra():
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
