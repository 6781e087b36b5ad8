"""A training's output folder: written whole, or not at all.

While a training runs, its folder bears the suffix ``.part`` and holds only the checkpoint to
resume from. In the end it holds

- ``checkpoint.pt``: weights and recipe, all that `load` needs;
- ``recipe.toml``: every value as it was run;
- ``history.json``: every epoch;
- ``curves.png``;
- ``split.csv``: every recording and its part;
- a file of predictions of each protocol's test, and one of its validation part;
- ``run.json``: what it was trained on, by hashes, where and for how long, and how it ended.
"""

import csv
import hashlib
import io
import math
import platform
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch

from models.errors import ConfigurationError, ModelError
from training import initial_weights, splits
from training.architectures.registry import Classifier
from training.datasets import manifest
from training.engine import checkpoints, curves, noise, provenance, recipe_files
from training.engine import parts as divided
from training.engine.loop import Epoch, Trainer
from training.engine.measures import Figures
from training.engine.parts import Parts
from training.engine.recipe import Recipe
from training.evaluation import predictions
from training.evaluation.predictions import Predictions
from training.splits.parts import PARTS, Part, part_named

CHECKPOINT, RESUME = "checkpoint.pt", "resume.pt"


class Initial(NamedTuple):
    """A file of weights that a training began from, and what was taken of it.

    `run` is the folder of the training of ours that it is of, if it is.
    """

    file: str
    report: str
    run: Path | None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """``run.json``.

    Attributes
    ----------
    best
        The epoch whose weights were kept, from 0, and what the validation part said of it.
    max_files
        None, but for a quick try.
    init, initial_weights
        Name of the file given by ``--init``, and what became of it, as text.
    files, split_files, label_tables, manifests
        SHA-256 by name: of the folder's other files, of the committed splits, of the data sets'
        tables of labels, and of the manifests of what shipped models may train on, where the set
        has one. What teachers learnt from, and a run whose weights it began from, counts as well.
    """

    recipe: str
    recipe_sha256: str
    protocol: str
    leaks: bool
    fold: int
    seed: int
    recordings: dict[str, int]
    parameters: int
    epochs: int
    best: int
    validation: Figures
    training_s: float
    device: str
    torch: str
    python: str
    git_commit: str | None
    initial_weights: str | None
    init: str = ""
    max_files: int | None = None
    files: dict[str, str] = {}
    split_files: dict[str, str] = {}
    label_tables: dict[str, str] = {}
    manifests: dict[str, str] = {}


def part_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.part")


def require_room(folder: Path) -> None:
    """See that a new run destroys nothing: no run's folder, no interrupted training, no others'.

    Raises
    ------
    ConfigurationError
        In one line that says what is there and what to do.
    """
    if folder.exists():
        raise ConfigurationError(f"{folder} exists: name another with --out, or remove it")
    part = part_of(folder)
    if not part.exists():
        return
    if not part.is_dir() or not all(_is_own(file.name) for file in part.iterdir()):
        raise ConfigurationError(f"{part} holds files of others: remove it, or choose --out")
    if (part / RESUME).is_file():
        raise ConfigurationError(
            f"{part} holds a training that was interrupted: go on with --resume, or remove it to "
            "begin anew"
        )


def begin(folder: Path, *, resume: bool) -> Path | None:
    """Make room for a run; returns the checkpoint to resume from, if there is one.

    What was interrupted before its first whole epoch has none, and begins anew.

    Raises
    ------
    ConfigurationError
        If the folder is taken, or there is nothing to resume.
    """
    part = part_of(folder)
    checkpoint = part / RESUME
    if resume and not folder.exists() and checkpoint.is_file():
        return checkpoint
    require_room(folder)
    if resume and not part.exists():
        raise ConfigurationError(f"there is nothing to resume in {part}: run without --resume")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    except OSError as error:
        raise ConfigurationError(f"{part} cannot be made: {error.strerror}") from None
    return None


def finish(
    folder: Path,
    trainer: Trainer,
    told: Recipe,
    parts: Parts,
    *,
    fold: int,
    device: torch.device,
    initial: Initial | None,
    max_files: int | None,
    test: Callable[[Run], Sequence[Predictions]],
) -> Run:
    """Write all files, then give the folder its name; `test` predicts what was held back."""
    part = part_of(folder)
    weights = {name: value.cpu() for name, value in trainer.net.state_dict().items()}
    text = recipe_files.to_toml(told)
    checkpoints.write({"recipe": text, "weights": weights}, part / CHECKPOINT)
    (part / "recipe.toml").write_text(text, encoding="utf-8")
    (part / "history.json").write_bytes(_json(trainer.history))
    title = f"{told.name}: {parts.title}"
    curves.draw(trainer.history, trainer.kept, title, part / "curves.png")
    (part / _SPLIT).write_bytes(_split(parts))
    run = _run(trainer, told, parts, fold=fold, device=device, initial=initial)
    run = msgspec.structs.replace(
        run,
        max_files=max_files,
        init=initial.file if initial else "",
        initial_weights=initial.report if initial else None,
    )
    said = _predictions(test(run), part)
    files = {name: _sha256(part / name) for name in sorted(_OWN - {RESUME, _RUN, *_TEMPORARY})}
    run = msgspec.structs.replace(run, files=files | said)
    (part / _RUN).write_bytes(_json(run))
    (part / RESUME).unlink(missing_ok=True)
    part.replace(folder)
    return run


def finished(folder: Path) -> Run:
    """What a whole run says of itself.

    Raises
    ------
    ModelError
        If the folder holds no whole run.
    """
    path = folder / _RUN
    try:
        fields: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        judged = fields.get("validation") or {}  # JSON has no NaN
        fields["validation"] = {k: math.nan if v is None else v for k, v in judged.items()}
        return msgspec.convert(fields, Run)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ModelError(f"{path} is not of a training: {error}") from None


def listed(folder: Path) -> dict[Part, dict[str, tuple[str, ...]]]:
    """The paths of each part of a finished run, by data set.

    Raises
    ------
    ModelError
        If the folder holds no whole run.
    """
    path = folder / _SPLIT
    found: dict[Part, dict[str, list[str]]] = {part: {} for part in PARTS}
    try:
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            found[part_named(row["part"])].setdefault(row["data_set"], []).append(row["path"])
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError) as error:
        raise ModelError(f"{path} is not of a training: {error}") from None
    return {part: {name: tuple(own) for name, own in sets.items()} for part, sets in found.items()}


def teachers(told: Recipe, fold: int) -> tuple[Path, ...]:
    """The folders of the trained nets that a fold of this recipe learns from."""
    named = told.distillation.teachers if told.distillation else ()
    return tuple(Path(folder.replace("{fold}", str(fold))) for folder in named)


def held_back(folder: Path, told: Recipe) -> Parts:
    """The parts of a finished run, which must be those that its recipe gives today.

    Raises
    ------
    ModelError
        If the committed split or the data set has changed since.
    """
    run = finished(folder)
    found = divided.parts(told, run.fold, max_files=run.max_files)
    if hashlib.sha256(_split(found)).hexdigest() != _sha256(folder / _SPLIT):
        raise ModelError(
            f"{folder / _SPLIT} is not what {told.name} gives today: the split or the data set "
            "has changed, so nothing is known to be unheard; train again"
        )
    return found


def add(folder: Path, tests: Sequence[Predictions]) -> tuple[Path, ...]:
    """Put further predictions, each whole or not at all, into a finished run's folder."""
    run = finished(folder)
    said = _predictions(tests, folder)
    part = folder / f"{_RUN}.part"
    part.write_bytes(_json(msgspec.structs.replace(run, files=run.files | said)))
    part.replace(folder / _RUN)
    return tuple(folder / name for name in said)


def load(folder: Path) -> tuple[Classifier, Recipe]:
    """A trained net and its recipe.

    Raises
    ------
    ModelError
        If the folder holds no whole run.
    """
    path = folder / CHECKPOINT
    try:
        saved: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        fields = msgspec.toml.decode(saved["recipe"])
        weights = saved["weights"]
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # noqa: BLE001 (damage makes torch raise anything)
        raise ModelError(f"{path} is no checkpoint of a training: {type(error).__name__}") from None
    told = recipe_files.convert(fields, path)
    net = told.build()
    try:
        net.load_state_dict(weights)
    except RuntimeError:
        raise ModelError(f"{path}: its weights do not fit its recipe's architecture") from None
    return net.eval(), told


def initialise(net: Classifier, file: Path) -> Initial:
    """Take published weights, or those of a training of ours, where they fit.

    Our own files name their parameters from the front end on, which stays this recipe's.
    """
    own = any(name.startswith("net.") for name in initial_weights.read(file))
    front = {name: value.clone() for name, value in net.front.state_dict().items()}
    report = str(initial_weights.load(net if own else net.net, file))
    net.front.load_state_dict(front)
    is_of_run = file.name == CHECKPOINT and (file.parent / _RUN).is_file()
    return Initial(file.name, report, file.parent if is_of_run else None)


_RUN, _SPLIT = "run.json", "split.csv"
_TEMPORARY = {str(Path(name).with_suffix(".part")) for name in (CHECKPOINT, RESUME)}
_OWN = {
    CHECKPOINT,
    RESUME,
    _RUN,
    "recipe.toml",
    "history.json",
    "curves.png",
    _SPLIT,
    *_TEMPORARY,
}


def _is_own(name: str) -> bool:
    unfinished = str(Path(predictions.SUFFIX).with_suffix(".part"))
    return name in _OWN or name.endswith((predictions.SUFFIX, unfinished))


def _predictions(tests: Sequence[Predictions], folder: Path) -> dict[str, str]:
    """Hashes of what is written, by name."""
    said = {}
    for each in tests:
        name = predictions.file_name(each.run)
        predictions.write(each, folder / name)
        said[name] = _sha256(folder / name)
    return said


def _run(
    trainer: Trainer,
    told: Recipe,
    parts: Parts,
    *,
    fold: int,
    device: torch.device,
    initial: Initial | None,
) -> Run:
    sets = {data.name: data for data, _ in (*parts.train, *parts.validation)}
    heard = {*sets, *([noise.NAME] if told.augmentation.recorded_snr_db else [])}
    began = [initial.run] if initial and initial.run else []
    taught = [finished(folder) for folder in (*began, *teachers(told, fold))]
    kept = trainer.kept
    return Run(
        recipe=told.name,
        recipe_sha256=told.sha256(),
        protocol=parts.title,
        leaks=parts.leaks,
        fold=fold,
        seed=told.training.seed,
        recordings={
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
        },
        parameters=sum(it.numel() for it in trainer.net.parameters() if it.requires_grad),
        epochs=len(trainer.history),
        best=kept.epoch,
        validation=kept.validation,
        training_s=sum(epoch.seconds for epoch in trainer.history),
        device=provenance.device_name(device),
        torch=str(torch.__version__),
        python=platform.python_version(),
        git_commit=provenance.git_commit(),
        initial_weights=None,
        split_files={
            name: splits.sha256(name) for name in told.data.protocols if not divided.is_own(name)
        },
        label_tables=_union(each.label_tables for each in taught)
        | {name: data.manifest_sha256() for name, data in sets.items()},
        manifests=_union(each.manifests for each in taught)
        | {name: manifest.sha256(name) for name in manifest.names() if name in heard},
    )


def _union(tables: Iterable[dict[str, str]]) -> dict[str, str]:
    return {name: sha256 for table in tables for name, sha256 in table.items()}


def _split(parts: Parts) -> bytes:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("data_set", "path", "part"))
    for part in ("train", "validation", "test"):
        table.writerows((data.name, each.path, part) for data, each in getattr(parts, part))
    return text.getvalue().encode()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _json(value: Run | Sequence[Epoch]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
