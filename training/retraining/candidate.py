"""A trained run as an artifact beside those in service, which nothing runs unasked."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.contract import Metric, ModelContract
from models.predictor import OnnxPredictor
from models.registry import MANIFEST, Entry, Manifest
from training import splits
from training.datasets.recordings import DataSet
from training.engine.parts import Owned
from training.engine.promised import of_recipe
from training.engine.recipe import Recipe
from training.engine.runs import Run
from training.export import export, with_contract
from training.reference import with_reference
from training.retraining.comparing import Comparison, table

_INTENDED_USE = (
    "Research and evaluation: a candidate that learnt from clinicians' labels, to be compared in "
    "shadow before anybody puts it in service. Not a medical device."
)
_LICENCE = "; trained on recordings of one's own wards too: not to be passed on without consent"


def promised(
    told: Recipe, run: Run, in_service: ModelContract, *, version: str, sets: Sequence[DataSet]
) -> ModelContract:
    """What the candidate promises, before it is measured."""
    hashes = "".join(data.manifest_sha256() for data in sets)
    return msgspec.structs.replace(
        of_recipe(told),
        name=in_service.name,
        version=version,
        task=in_service.task,
        training_data=", ".join(data.name for data in sets),
        training_data_sha256=hashlib.sha256(hashes.encode()).hexdigest(),
        split=", ".join(splits.path_of(name).name for name in told.data.protocols) or "none",
        split_sha256=", ".join(map(splits.sha256, told.data.protocols)),
        git_commit=run.git_commit or "",
        intended_use=_INTENDED_USE,
        licence=in_service.licence.removesuffix(_LICENCE) + _LICENCE,
    )


def exported(net: object, contract: ModelContract) -> bytes:
    """The float artifact of a trained net."""
    return export(net, contract)  # type: ignore[arg-type]  # a module of torch


def measured(
    artifact: bytes, comparisons: Sequence[Comparison], validation: Sequence[Owned]
) -> bytes:
    """The artifact with its figures and its reference distributions inside."""
    metrics: dict[str, Metric] = {
        f"{each.data_set}.recording.{name}": metric
        for each in comparisons
        for name, metric in each.candidate.metrics.items()
        if metric.is_known  # of few patients there may be one label alone
    }
    told = msgspec.structs.replace(OnnxPredictor(artifact).contract, metrics=metrics)
    return with_reference(with_contract(artifact, told), validation)


def write(artifact: bytes, folder: Path, comparisons: Sequence[Comparison], labels: int) -> Entry:
    """Write artifact, card and a manifest that lists it, and runs it where somebody names it."""
    contract = OnnxPredictor(artifact).contract
    stem = f"{contract.name}-{contract.version}"
    entry = Entry(
        name=contract.name,
        version=contract.version,
        task=contract.task,
        file=f"{stem}.onnx",
        sha256=hashlib.sha256(artifact).hexdigest(),
        card=f"{stem}.md",
        default=False,
    )
    (folder / entry.file).write_bytes(artifact)
    (folder / entry.card).write_text(_card(contract, comparisons, labels), encoding="utf-8")
    listed = msgspec.json.encode(Manifest(models=(entry,)))
    (folder / MANIFEST).write_bytes(msgspec.json.format(listed) + b"\n")
    return entry


def _card(contract: ModelContract, comparisons: Sequence[Comparison], labels: int) -> str:
    lines = [
        f"# {contract.name} {contract.version}: a candidate",
        contract.intended_use,
        f"Trained on {contract.training_data}, among them {labels} clips with clinicians' labels.",
        f"Licence: {contract.licence}.",
        "## Beside the model in service",
        "On recordings of patients whom the candidate has not heard; 95 % intervals, by subject.",
    ]
    return "\n\n".join([*lines, "\n".join(table(comparisons))]) + "\n"
