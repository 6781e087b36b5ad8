"""``heartward retrain``: from clinicians' labels to a candidate, which nothing runs unasked."""

import hashlib
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Literal

import msgspec

from models.errors import ModelError, UserError
from models.predictor import OnnxPredictor
from models.registry import Registry
from training.datasets import catalogue, clinicians
from training.datasets.clinicians import ClinicianLabel
from training.datasets.recordings import DataSet
from training.engine import commands as engine
from training.engine import parts, recipe_files, runs
from training.engine.recipe import Recipe
from training.retraining import candidate, comparing, diary, material
from training.retraining.comparing import Comparison
from training.retraining.material import Material

WRITTEN, NOTHING_NEW, BUSY = 0, 3, 4  # what the command exits with; 1 is an error

_RUN = "run"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    export: Path
    to: Path
    recipe: str = "ours-cycle-screen"
    model: str | None = None
    models_dir: Path | None = None
    min_new_labels: int = 1
    epochs: int | None = None
    max_files: int | None = None
    seed: int | None = None
    device: str | None = None
    threads: int = 1
    draws: int = 1000


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one call of the command did."""

    outcome: Literal["candidate", "nothing new", "busy"]
    labels: int = 0
    new_labels: int = 0
    learnt: int = 0
    held_out: int = 0
    candidate: str = ""
    folder: str = ""
    comparisons: tuple[Comparison, ...] = ()

    @property
    def status(self) -> int:
        return {"candidate": WRITTEN, "nothing new": NOTHING_NEW, "busy": BUSY}[self.outcome]


def run(order: Order) -> Outcome:
    """Retrain if there is enough that is new, and nobody else does.

    What was interrupted goes on from its last whole epoch at the next call with the same labels.

    Raises
    ------
    UserError
        If the export or the recipe is wrong, or nothing can be learnt.
    """
    labels = clinicians.read(order.export)
    told = _recipe(order)
    material.require_known(labels, told)
    try:
        with diary.alone(order.to):
            known = diary.read(order.to).known
            new = sum(label.identity not in known for label in labels)
            if new < order.min_new_labels:
                return Outcome(outcome="nothing new", labels=len(labels), new_labels=new)
            return _retrain(order, told, labels, new)
    except diary.Busy:
        return Outcome(outcome="busy", labels=len(labels))


def show(outcome: Outcome, order: Order, *, as_json: bool) -> None:
    """Print the outcome, as JSON or in words."""
    if as_json:
        print(msgspec.json.encode(outcome).decode())  # noqa: T201 (for a pipe)
        return
    print(_in_words(outcome, order))  # noqa: T201
    if outcome.comparisons:
        print("\n".join(("", *comparing.table(outcome.comparisons))))  # noqa: T201


def _in_words(outcome: Outcome, order: Order) -> str:
    match outcome.outcome:
        case "busy":
            return f"another retraining is at work in {order.to}"
        case "nothing new":
            return (
                f"{outcome.new_labels} new of {outcome.labels} labels, and --min-new-labels is "
                f"{order.min_new_labels}: nothing is trained"
            )
    return (
        f"{outcome.candidate} is in {outcome.folder}: of {outcome.labels} labels, "
        f"{outcome.new_labels} of them new, it learnt from {outcome.learnt}, and "
        f"{outcome.held_out} of other patients judged it. It is not in service"
    )


def _recipe(order: Order) -> Recipe:
    told = recipe_files.load(recipe_files.find(order.recipe))
    asked = {"training.epochs": order.epochs, "training.seed": order.seed}
    return recipe_files.changed(told, {key: it for key, it in asked.items() if it is not None})


def _retrain(order: Order, told: Recipe, labels: tuple[ClinicianLabel, ...], new: int) -> Outcome:
    in_service = _in_service(order, told)
    own = material.divided(labels)
    if not own.learnt:
        raise UserError(
            f"of {len(labels)} labels in {order.export} none can be learnt from: "
            f"{len(own.held_out)} are of patients held out for the comparison, the others artefacts"
        )
    version = _version(in_service, told, labels)
    name = f"{in_service.contract.name}-{version}"
    work = order.to / f"{name}.part"
    told = _prepared(order, told, own, work)
    artifact, found = _trained(order, told, own, work, version, in_service)
    entry = candidate.write(artifact, work, found, len(own.learnt))
    (work / "comparison.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    folder = order.to / name
    if folder.exists():  # of a time when the diary could not be written any more
        shutil.rmtree(folder)
    work.replace(folder)
    known = tuple(label.identity for label in labels)
    diary.add(
        order.to,
        diary.Entry(
            candidate=f"{entry.name}-{entry.version}", recipe_sha256=told.sha256(), labels=known
        ),
    )
    return Outcome(
        outcome="candidate",
        labels=len(labels),
        new_labels=new,
        learnt=len(own.learnt),
        held_out=len(own.held_out),
        candidate=f"{entry.name}-{entry.version}",
        folder=str(folder),
        comparisons=tuple(found),
    )


def _in_service(order: Order, told: Recipe) -> OnnxPredictor:
    """The model to compare with: the one that is named, or the one that runs with these labels."""
    registry = Registry(order.models_dir) if order.models_dir else Registry()
    if order.model is not None:
        return registry.named(order.model)
    for model in registry.defaults():
        if model.contract.labels == told.data.labels:
            return model
    raise ModelError(
        f"no model in service tells {' from '.join(told.data.labels)}, as {told.name} does: name "
        "the one to compare with by --model"
    )


def _version(in_service: OnnxPredictor, told: Recipe, labels: tuple[ClinicianLabel, ...]) -> str:
    """The version in service, and a hash of all that makes this candidate another one."""
    said = "".join((told.sha256(), *(label.identity for label in labels)))
    base = in_service.contract.version.partition("-")[0]
    return f"{base}-retrained.{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def _prepared(order: Order, told: Recipe, own: Material, work: Path) -> Recipe:
    """Copy the clips, and write the recipe that the engine runs."""
    learnt, held_out = work / material.CLINICIANS, work / material.HELD_OUT
    for folder, chosen in ((learnt, own.learnt), (held_out, own.held_out)):
        folder.mkdir(parents=True, exist_ok=True)
        material.copy(chosen, order.export, folder)
    changed = material.recipe_with(told, learnt)
    (work / "recipe.toml").write_text(recipe_files.to_toml(changed), encoding="utf-8")
    return changed


def _trained(
    order: Order,
    told: Recipe,
    own: Material,
    work: Path,
    version: str,
    in_service: OnnxPredictor,
) -> tuple[bytes, list[Comparison]]:
    folder = work / _RUN
    if not folder.exists():
        _train(order, work, folder)
    net, told = runs.load(folder)
    made = runs.finished(folder)
    sets = _sets(told)
    contract = candidate.promised(told, made, in_service.contract, version=version, sets=sets)
    artifact = candidate.exported(net, contract)
    heard = OnnxPredictor(artifact)
    held_out = clinicians.data_set(work / material.HELD_OUT, own.held_out, name=material.HELD_OUT)
    public = [data for data in sets if data.name in told.data.protocols]
    found = comparing.compare(
        in_service,
        heard,
        comparing.protocols_of(public, held_out),
        draws=order.draws,
        max_files=order.max_files,
    )
    validation = parts.parts(told, 0, max_files=order.max_files).validation
    return candidate.measured(artifact, found, validation), found


def _train(order: Order, work: Path, folder: Path) -> None:
    asked = engine.Order(
        recipe=str(work / "recipe.toml"),
        max_files=order.max_files,
        device=order.device,
        threads=order.threads,
        resume=(runs.part_of(folder) / runs.RESUME).is_file(),
        out=folder,
    )
    with redirect_stdout(sys.stderr):  # the answer of this command is another one
        engine.run(asked)


def _sets(told: Recipe) -> list[DataSet]:
    """The data sets of a recipe that `material.recipe_with` wrote."""
    return [catalogue.load(name) for name in (*told.data.protocols, *told.data.whole)]


def main_status(order: Order, *, as_json: bool) -> int:
    """Run, say so, and return what to exit with."""
    outcome = run(order)
    show(outcome, order, as_json=as_json)
    sys.stdout.flush()
    return outcome.status
