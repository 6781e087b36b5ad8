"""``heartward train``: one fold, all folds, or a search."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from models.errors import ConfigurationError, UserError
from training.architectures.registry import Classifier
from training.engine import clips, noise, recipe_files, runs, search, tested
from training.engine import parts as divided
from training.engine.clips import Clips
from training.engine.loop import Heard, Trainer
from training.engine.parts import Parts
from training.engine.recipe import Recipe
from training.evaluation.predictions import Predictions
from training.splits.parts import Part

_OUT = Path("runs")
_LEARNT: tuple[Part, ...] = ("train", "validation")
_WINDOWS_A_FILE = 8  # about what a recording of physionet2016 has, for quick tries


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for; None is the recipe's own."""

    recipe: str
    protocol: tuple[str, ...] = ()
    fold: int | None = None
    all_folds: bool = False
    epochs: int | None = None
    max_files: int | None = None
    init: Path | None = None
    seed: int | None = None
    device: str | None = None
    threads: int = 1
    resume: bool = False
    trials: int | None = None
    out: Path | None = None


def run(order: Order) -> None:
    """Train as ordered; what each run gave is said in one line."""
    _require_sense(order)
    told = _told(order)
    device = device_named(order.device)
    torch.set_num_threads(order.threads)
    if order.trials is not None:
        _search(order, told, device)
        return
    count = divided.folds(told)
    numbers = range(count) if order.all_folds else [order.fold or 0]
    folders = {fold: _folder(order, told, fold) for fold in numbers}
    if not order.resume:
        for folder in folders.values():  # all before the first: the last begins hours later
            runs.require_room(folder)
    for fold in folders:  # for the same reason
        _require_teachers(told, fold)
    for fold, folder in folders.items():
        _train(order, told, fold, device, folder=folder)


def _require_sense(order: Order) -> None:
    """Refuse what would be passed over without a word."""
    if order.all_folds and order.fold is not None:
        raise ConfigurationError("--all-folds trains every fold, and --fold one: give either")
    if order.trials is not None and (order.all_folds or order.resume):
        one = "--all-folds" if order.all_folds else "--resume"
        raise ConfigurationError(
            f"--search tries values within one fold, from the beginning: give it without {one}"
        )


def _require_teachers(told: Recipe, fold: int) -> None:
    for folder in runs.teachers(told, fold):
        if not folder.is_dir():
            raise ConfigurationError(
                f"{told.name} learns from {folder}, and there is no such run: train that first"
            )


def _told(order: Order) -> Recipe:
    told = recipe_files.load(recipe_files.find(order.recipe))
    asked = {
        "training.epochs": order.epochs,
        "training.seed": order.seed,
        "data.protocols": order.protocol or None,
    }
    told = recipe_files.changed(told, {key: it for key, it in asked.items() if it is not None})
    if order.max_files is None or not told.sampling.windows_per_epoch:
        return told
    fewer = min(told.sampling.windows_per_epoch, _WINDOWS_A_FILE * order.max_files)
    return recipe_files.changed(told, {"sampling.windows_per_epoch": fewer})


def _folder(order: Order, told: Recipe, fold: int) -> Path:
    """``--out`` itself for one fold, and a folder in it for each of several."""
    name = f"fold-{fold}-seed-{told.training.seed}"
    if order.out is None:
        return _OUT / "-".join((told.name, *order.protocol)) / name
    return order.out / name if order.all_folds else order.out


def _train(order: Order, told: Recipe, fold: int, device: torch.device, folder: Path) -> None:
    console = Console(stderr=True)
    if order.resume and order.all_folds and folder.exists():
        _say(console, f"{folder} is there already")
        return
    net, initial = _net(told, order.init)
    if initial is not None:
        _say(console, initial.report)
    found = divided.parts(told, fold, max_files=order.max_files)
    if initial is not None and initial.run is not None:
        _require_unheard(initial.run, told, found, "begin from weights of the same fold")
    # Of all folds, those not begun yet begin.
    begun = runs.part_of(folder).exists() or not order.all_folds
    resuming = runs.begin(folder, resume=order.resume and begun)
    _say(console, found.title)
    with progress_on(console) as progress:
        trainer = _trainer(told, net, found, fold, device, progress)
        if resuming is not None and not trainer.resume(resuming):
            _say(console, f"{resuming} is damaged, so this training begins anew")
        with _told_how_to_go_on(trainer, folder):
            trainer.run(_Bar(progress, told, trainer), runs.part_of(folder) / runs.RESUME)
            made = runs.finish(
                folder,
                trainer,
                told,
                found,
                fold=fold,
                device=device,
                initial=initial,
                max_files=order.max_files,
                test=_test(trainer.net, told, found, device, progress),
            )
    _say(Console(), _summary(folder, made))


@contextmanager
def _told_how_to_go_on(trainer: Trainer, folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise UserError(
            f"interrupted after {len(trainer.history)} epochs: go on with --resume"
        ) from None
    except OSError as error:
        where = error.filename or runs.part_of(folder)
        raise UserError(
            f"{where} cannot be written or read ({error.strerror}): mend that, then go on with "
            "--resume"
        ) from None


def _summary(folder: Path, made: runs.Run) -> str:
    return (
        f"{folder}: epoch {made.best + 1} of {made.epochs}, validation per recording: UAR "
        f"{made.validation.uar:.3f}, accuracy {made.validation.accuracy:.3f}, AUC "
        f"{made.validation.auc:.3f}; {made.parameters} parameters, {made.training_s:.0f} s"
    )


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _test(
    net: nn.Module, told: Recipe, found: Parts, device: torch.device, progress: Progress
) -> Callable[[runs.Run], list[Predictions]]:
    def heard(run: runs.Run) -> list[Predictions]:
        total = len(found.test) + len(found.validation)
        bar = progress.add_task("testing", total=total, said="", visible=bool(found.held))
        done = partial(progress.advance, bar)
        return tested.of_protocols(net, told, run, found, device=device, done=done)

    return heard


def _search(order: Order, told: Recipe, device: torch.device) -> None:
    fold = order.fold or 0
    folder = order.out or _OUT / told.name / f"search-fold-{fold}"
    if folder.exists():
        raise ConfigurationError(f"{folder} exists: name another with --out, or remove it")
    trials = order.trials or 0
    with progress_on(Console(stderr=True)) as progress:
        bar = progress.add_task("trials", total=trials, said="")

        def judged(changed: Recipe, inner: int) -> float:
            found = divided.for_search(
                changed, fold, inner, search.INNER_FOLDS, max_files=order.max_files
            )
            net, _ = _net(changed, order.init)
            trainer = _trainer(changed, net, found, fold, device, progress)
            trainer.run(_Bar(progress, changed, trainer))
            return float(getattr(trainer.kept.validation, changed.training.monitor))

        best = search.search(told, trials, judged, done=lambda: progress.advance(bar))
    written = search.write(best, told, folder)
    values = ", ".join(f"{name} = {value}" for name, value in best.best.items())
    _say(Console(), f"{best.monitor} {best.best_figure:.3f} with {values}: {written}")


def _net(told: Recipe, init: Path | None) -> tuple[Classifier, runs.Initial | None]:
    torch.manual_seed(told.training.seed)
    net = told.build()
    return net, None if init is None else runs.initialise(net, init)


def _trainer(
    told: Recipe,
    net: Classifier,
    found: Parts,
    fold: int,
    device: torch.device,
    progress: Progress,
) -> Trainer:
    total = len(found.train) + len(found.validation)
    bar = progress.add_task("reading", total=total, said="")

    def heard(which: tuple[divided.Owned, ...], excerpt: str, *, assessed: bool) -> Clips:
        return clips.gather(
            which, told, excerpt, assessed=assessed, done=lambda: progress.advance(bar)
        )

    train = heard(found.train, told.contract.excerpt, assessed=False)
    validation = heard(found.validation, told.contract.judged, assessed=True)
    progress.remove_task(bar)
    return Trainer(
        net,
        told,
        train,
        validation,
        device=device,
        teachers=[_teacher(told, folder, found) for folder in runs.teachers(told, fold)],
        noise=_noise(told),
    )


def _teacher(told: Recipe, folder: Path, found: Parts) -> nn.Module:
    net, own = runs.load(folder)
    if (own.data.labels, own.contract) != (told.data.labels, told.contract):
        raise ConfigurationError(
            f"{folder} has other labels or another contract than {told.name}: a teacher hears and "
            "says the same as its pupil"
        )
    _require_unheard(folder, told, found, "name a teacher of the same fold, {fold} is its number")
    return net


def _require_unheard(folder: Path, told: Recipe, found: Parts, instead: str) -> None:
    """See that a run of which something is taken has not heard what this one is tested on."""
    listed = runs.listed(folder)
    learnt = {
        (name, path) for part in _LEARNT for name, paths in listed[part].items() for path in paths
    }
    told_of = [each.path for data, each in found.test if (data.name, each.path) in learnt]
    if told_of:
        raise ConfigurationError(
            f"{folder} learnt from {told_of[0]} and {len(told_of) - 1} others that {told.name} is "
            f"to be tested on: {instead}"
        )


def _noise(told: Recipe) -> Tensor | None:
    return noise.load(told.contract) if told.augmentation.recorded_snr_db else None


def device_named(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ConfigurationError(f"there is no device {name!r} here: try --device cpu") from None
    return device


def progress_on(console: Console) -> Progress:
    said = TextColumn("{task.fields[said]}")
    words = TextColumn("{task.description}")
    return Progress(
        words, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), said, console=console
    )


class _Bar:
    """One line for an epoch's batches, with what the last epoch gave."""

    def __init__(self, progress: Progress, told: Recipe, trainer: Trainer) -> None:
        self._progress, self._told, self._trainer = progress, told, trainer
        self._task = progress.add_task("epoch 1", total=None, said="")

    def __call__(self, heard: Heard) -> None:
        history = self._trainer.history
        last = history[-1].validation if history else None
        judged = f", UAR {last.uar:.3f}, AUC {last.auc:.3f}" if last else ""
        self._progress.update(
            self._task,
            description=f"epoch {heard.epoch + 1} of {self._told.training.epochs}",
            total=heard.steps,
            completed=heard.step,
            said=f"loss {heard.loss:.3f}{judged}",
        )
