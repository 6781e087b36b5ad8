"""``heartward export`` and ``heartward ship``."""

import lzma
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, ModelContract
from models.errors import ConfigurationError, ModelError
from models.predictor import OnnxPredictor
from models.registry import ARTIFACTS
from training import export, quantize, reference
from training.evaluation import operations
from training.export import AS_LEARNT, Scale
from training.shipping import card, figures, forms, listening, listing, mobile, origin, trained
from training.shipping import scale as scales
from training.shipping.figures import Figures
from training.shipping.forms import FLOAT, Comparison
from training.shipping.origin import Names
from training.shipping.trained import Trained

AGREES = 1e-5  # PyTorch and ONNX Runtime, of a probability

_CHECKED_WINDOWS = 64
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VERSION = re.compile(r"\d+\.\d+\.\d+([-+.][A-Za-z0-9.-]+)?")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    final: tuple[Path, ...]
    protocol_runs: tuple[Path, ...] = ()
    figures: tuple[Path, ...] = ()
    name: str
    version: str
    task: str | None = None
    intended_use: str | None = None
    to: Path = ARTIFACTS
    default: bool = True
    replace: bool = False
    draws: int = 1000


class Made(NamedTuple):
    """An artifact in floating point, and what it was made with."""

    artifact: bytes
    scale: Scale
    agreement: float


def export_run(
    folder: Path, out: Path, *, name: str | None, version: str, bare: bool, int8: bool, draws: int
) -> None:
    """Export one run, floating and if asked in 8 bits, each in both formats."""
    listening.one_thread()
    run = trained.load(folder)
    called = _names(name or run.recipe.name, version, run, task=None, intended_use=None)
    if bare:
        metrics, by = {}, AS_LEARNT
    else:
        own = _figures([folder], run, draws)
        metrics, by = figures.metrics(own), _scale([run])
    contract = origin.contract([run], called, metrics=metrics)
    made = _exported([run], contract, by, sound=not bare)
    artifacts = {f"{called.name}-{version}": made.artifact}
    if int8:
        artifacts[f"{called.name}-{version}-int8"] = quantize.weights(made.artifact)
    out.mkdir(parents=True, exist_ok=True)
    for stem, artifact in artifacts.items():
        stamped = artifact if bare else reference.with_reference(artifact, run.owned("validation"))
        for suffix, content in ((".onnx", stamped), (mobile.SUFFIX, mobile.converted(stamped))):
            listing.write_whole(out / f"{stem}{suffix}", content)
            _say(f"{out / f'{stem}{suffix}'}: {len(content) / 1e3:.0f} kB")
    _say(
        f"temperature {made.scale.temperature:.3f}; PyTorch and ONNX Runtime differ by "
        f"{made.agreement:.1e} at most"
    )


def ship(order: Order) -> None:
    """Make, measure, describe and list an artifact; nothing is written before all is well."""
    listening.one_thread()
    finals, folds = _runs(order)
    called = _names(order.name, order.version, finals[0], order.task, order.intended_use)
    if order.to.resolve() == ARTIFACTS.resolve():
        for run in finals:
            origin.require_permitted(run)
    if not order.replace:
        listing.require_new(order.to, called.name, called.version)
    named = (*order.protocol_runs, *order.figures) or order.final
    own = _figures(named, folds[0], order.draws)
    console = Console(stderr=True)
    with console.status("fitting the scale of the answers"):
        by = _scale(folds)
    contract = origin.contract(finals, called, metrics=figures.metrics(own))
    with console.status("exporting"):
        made = _exported(finals, contract, by)
    with console.status("comparing forms"):
        artifacts, compared = _compared(made.artifact, contract, finals, folds, by)
    _show(compared)
    chosen = artifacts[compared.chosen.name]
    converted = mobile.converted(chosen)
    told = _told(chosen, converted, made, compared, finals, folds, own)
    _list(order, told, chosen, converted)


def _told(
    chosen: bytes,
    converted: bytes,
    made: Made,
    compared: Comparison,
    finals: Sequence[Trained],
    folds: Sequence[Trained],
    own: Sequence[Figures],
) -> card.Told:
    """What the card says of an artifact and of its mobile form."""
    contract = OnnxPredictor(chosen).contract
    stem = f"{contract.name}-{contract.version}"
    windows = listening.some_windows(finals[0], "validation", _CHECKED_WINDOWS)
    return card.Told(
        contract=contract,
        artifact=f"{stem}.onnx",
        size_bytes=len(chosen),
        mobile=f"{stem}{mobile.SUFFIX}",
        mobile_bytes=len(converted),
        operations=operations.count(chosen),
        finals=finals,
        folds=folds,
        differing=trained.differences(finals[0], folds),
        scale=made.scale,
        compared=compared,
        figures=own,
        agreement=made.agreement,
        mobile_difference=mobile.checked(chosen, converted, windows),
    )


def _list(order: Order, told: card.Told, chosen: bytes, converted: bytes) -> None:
    contract = told.contract
    text = f"{contract.name}-{contract.version}.md"
    files = {told.artifact: chosen, told.mobile: converted, text: card.written(told).encode()}
    if origin.has_own_split(told.finals[0]):
        split = (told.finals[0].folder / "split.csv").read_bytes()
        files[f"{contract.split}.xz"] = lzma.compress(split, preset=9 | lzma.PRESET_EXTREME)
    listing.put(
        order.to,
        contract,
        files,
        artifact=told.artifact,
        mobile=told.mobile,
        card=text,
        default=order.default,
    )
    for said in card.targets(told):
        _say(said)
    if not contract.fits(PIPELINE_GRID, PIPELINE_FILTER):
        _say("the pipeline's windows do not fit it: it runs in heartward classify alone")
    for name in files:
        _say(f"wrote {order.to / name}")


def _runs(order: Order) -> tuple[tuple[Trained, ...], tuple[Trained, ...]]:
    """The runs whose weights ship, and those that held back what judges them."""
    finals = tuple(trained.load(folder) for folder in order.final)
    first, *others = finals
    trained.require_alike(first, others)
    trained.require_the_same_held_back(finals)
    named = trained.load_all(order.protocol_runs)
    folds = tuple(run for run in named or finals if run.held_back())
    if not folds:
        raise ConfigurationError(
            f"{order.final[0]} holds nothing back: name runs of the same recipe by a protocol "
            "with --protocol-runs"
        )
    trained.require_alike(first, folds)
    return finals, folds


def _names(
    name: str, version: str, run: Trained, task: str | None, intended_use: str | None
) -> Names:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"--name {name}: give small letters, digits, - and _")
    if not _VERSION.fullmatch(version):
        raise ConfigurationError(f"--version {version}: give three numbers, as in 1.2.0")
    of = task or origin.task_of(run.recipe.data.labels) or name
    return Names(name, version, of, intended_use or origin.use_of(of))


def _figures(folders: Sequence[Path], run: Trained, draws: int) -> tuple[Figures, ...]:
    have = [folder for folder in folders if figures.have_predictions(folder)]
    return figures.of(have, run.recipe.data.labels, draws=draws) if have else ()


def _scale(runs: Sequence[Trained]) -> Scale:
    heard = [each for run in runs for each in listening.judged(run, "validation")]
    return scales.fit(heard, exclusive=runs[0].recipe.data.exclusive)


def _exported(
    finals: Sequence[Trained], contract: ModelContract, by: Scale, *, sound: bool = True
) -> Made:
    """Export, and hold the file against PyTorch.

    Raises
    ------
    ModelError
        If they do not agree.
    """
    nets = [run.net for run in finals]
    artifact = export.export(nets, contract, at=by)
    predictor = OnnxPredictor(artifact)
    if sound:
        windows = listening.some_windows(finals[0], "validation", _CHECKED_WINDOWS)
    else:
        windows = listening.made_up(contract, _CHECKED_WINDOWS // 8)
    answers = export.answering(nets, contract, at=by)
    apart = export.largest_difference(answers, predictor, windows)
    if not apart <= AGREES:
        raise ModelError(
            f"{finals[0].folder}: PyTorch and the exported file differ by {apart:.1e} in "
            f"probability, and {AGREES:.0e} is the most that is let pass"
        )
    return Made(artifact, by, apart)


def _compared(
    artifact: bytes,
    contract: ModelContract,
    finals: Sequence[Trained],
    folds: Sequence[Trained],
    by: Scale,
) -> tuple[dict[str, bytes], Comparison]:
    """Every form as it would ship, and how they compare on what the folds held back."""
    heard = reference.given(finals[0].owned("validation"), contract)
    plain = _forms(artifact, finals[0])
    shipping = {name: reference.stamped(each, heard) for name, each in plain.items()}
    if [run.folder for run in folds] == [run.folder for run in finals]:
        return shipping, forms.compare(shipping, [(folds[0], shipping)])
    tested = [(run, _forms(export.export(run.net, contract, at=by), run)) for run in folds]
    return shipping, forms.compare(shipping, tested)


def _forms(artifact: bytes, run: Trained) -> dict[str, bytes]:
    windows = listening.calibration(run, quantize.CALIBRATION_WINDOWS)
    return forms.written(artifact, windows)


def _show(compared: Comparison) -> None:
    heads, rows = card.forms_rows(compared)
    shown = Table(box=None, header_style="underline", padding=(0, 1, 0, 0))
    for head in heads:
        shown.add_column(head, no_wrap=head == heads[0])
    for row in rows:
        shown.add_row(*(cell.replace("**", "") for cell in row))
    Console().print(shown)
    quickest = compared.chosen
    _say(
        f"on {compared.recordings} recordings of {compared.subjects} {compared.people} that "
        f"{compared.nets} {'net' if compared.nets == 1 else 'nets'} held back; "
        f"{quickest.name} ships ({quickest.times_float:.2f} times {FLOAT}'s time)"
    )


def _say(line: str) -> None:
    Console().print(line, highlight=False, markup=False, soft_wrap=True)
