"""A trained run as an artifact beside those in service, which nothing runs unasked."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import Distribution, Metric, ModelContract
from models.predictor import OnnxPredictor, Predictor
from models.recording import Pace
from models.recording import Recording as Sound
from models.registry import MANIFEST, Entry, Manifest
from training import splits
from training.datasets.recordings import DataSet, Recording
from training.engine.recipe import Recipe
from training.engine.runs import Run
from training.export import OPSET, export, with_contract
from training.retraining.comparing import Comparison, table

_INTENDED_USE = (
    "Research and evaluation: a candidate that learnt from clinicians' labels, to be compared in "
    "shadow before anybody puts it in service. Not a medical device."
)
_LICENCE = "; trained on recordings of one's own wards too: not to be passed on without consent"
_FLOOR = 1e-12


def contract_of(
    told: Recipe, run: Run, in_service: ModelContract, *, version: str, sets: Sequence[DataSet]
) -> ModelContract:
    """What the candidate promises, before it is measured."""
    hashes = "".join(data.manifest_sha256() for data in sets)
    return ModelContract(
        name=in_service.name,
        version=version,
        task=in_service.task,
        labels=told.data.labels,
        exclusive=told.data.exclusive,
        sample_rate_hz=told.contract.sample_rate_hz,
        window_s=told.contract.window_s,
        hop_s=told.contract.hop_s,
        filter=told.contract.filter_spec,
        scaling=told.contract.scaling_spec,
        opset=OPSET,
        training_data=", ".join(data.name for data in sets),
        training_data_sha256=hashlib.sha256(hashes.encode()).hexdigest(),
        split=", ".join(splits.path_of(name).name for name in told.data.protocols) or "none",
        split_sha256=_split_sha256(told.data.protocols),
        git_commit=run.git_commit or "",
        metrics={},
        reference={},
        intended_use=_INTENDED_USE,
        licence=in_service.licence.removesuffix(_LICENCE) + _LICENCE,
    )


def exported(net: object, contract: ModelContract) -> bytes:
    """The float artifact of a trained net."""
    return export(net, contract)  # type: ignore[arg-type]  # a module of torch


def measured(
    artifact: bytes, comparisons: Sequence[Comparison], reference: dict[str, Distribution]
) -> bytes:
    """The artifact with its figures and its reference distributions inside."""
    metrics: dict[str, Metric] = {
        f"{each.data_set}.recording.{name}": metric
        for each in comparisons
        for name, metric in each.candidate.metrics.items()
    }
    contract = OnnxPredictor(artifact).contract
    return with_contract(
        artifact, msgspec.structs.replace(contract, metrics=metrics, reference=reference)
    )


def reference(
    predictor: Predictor, heard: Sequence[tuple[DataSet, Recording]]
) -> dict[str, Distribution]:
    """Deciles over the windows of recordings that were not trained on: drift is judged by them."""
    contract = predictor.contract
    said, level_db, scores = [], [], []
    for data, recording in heard:
        sound = Sound(*data.read(recording))
        windows = sound.windows(contract)
        said.append(predictor.predict(np.ascontiguousarray(windows)))
        level_db.append(10 * np.log10(np.mean(np.square(windows), axis=1) + _FLOOR))
        scores += [each.score for each in sound.qualities(Pace.of(contract))]
    if not said:
        return {}
    probabilities = np.concatenate(said)
    return {
        **{
            f"{label}_probability": _deciles(probabilities[:, place])
            for place, label in enumerate(contract.labels)
        },
        "band_level_db": _deciles(np.concatenate(level_db)),
        "quality_score": _deciles(np.array(scores)),
    }


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


def _split_sha256(protocols: Sequence[str]) -> str:
    hashes = [splits.sha256(name) for name in protocols]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _deciles(values: npt.NDArray[np.floating]) -> Distribution:
    return Distribution(deciles=tuple(np.percentile(values, range(0, 101, 10)).round(4).tolist()))
