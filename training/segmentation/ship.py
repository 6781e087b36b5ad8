"""Measure the net that ships, write the figures into it, and put it beside the other artifacts.

python -m training.segmentation.ship runs/segment/shipped [--drawn training/reports]
"""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import torch
import typer

from models.contract import Distribution, Metric, ModelContract
from models.predictor import OnnxPredictor
from models.registry import ARTIFACTS, MANIFEST, Entry, Manifest, read_manifest
from training import splits
from training.datasets import catalogue
from training.export import with_contract
from training.segmentation import pictures
from training.segmentation.export import artifact, contract
from training.segmentation.figures import Figures, figures
from training.segmentation.listening import Heard, listen
from training.segmentation.rounding import rounded
from training.segmentation.train import CHECKPOINT, DATA_SETS, load
from training.shipping.listing import write_whole

_CARD = """\
# {name} {version}

{intended_use}

| | |
|---|---|
| task | {task}: {states} |
| input | {window_s:g} s of heart sound every {hop_s:g} s at {sample_rate_hz} Hz, {filter}, \
each window scaled to an RMS of {target:g} |
| output | probabilities of the four states every 20 ms; they add up to 1 |
| file | `{file}`, {size_kb:.0f} kB, ONNX opset {opset}; activations in 8 bits, weights in 7 (QDQ) |
| licence | {licence} |

Where S1 and S2 are, `models.segmentation` decodes from it: how long each state lasts at the \
window's heart rate is known (after Springer et al. 2016, IEEE TBME 63(4), 822).

## Trained on

{training_data}, the parts named `train` in `training/split_files` ({split}; by subject). \
PhysioNet/CinC Challenge 2016: Liu C. et al., Physiol. Meas. 37(12), 2016, whose states were \
corrected by hand; CirCor DigiScope: Oliveira J. et al., IEEE JBHI 26(6), 2022, its marked \
stretches; both ODC-By 1.0. Code at commit `{git_commit}`: \
`python -m training.segmentation.train`, then `training.segmentation.ship`.

## Measured

On the parts named `test`, people it was never trained on. F1 is of S1 and S2 together, whose \
middles are within 60 or 100 ms of the marked ones; heart rates are those of windows, against the \
marked beats. Intervals are 95 %, from drawing subjects anew. Five folds, and a net that heard no \
recording of circor2022, are in what `python -m training.segmentation.evaluate` prints.

| data | measure | value | 95 % interval |
|---|---|---|---|
{rows}

## Know before use

- Marked states are an algorithm's, corrected by hand; in loud murmurs and noise people disagree.
- It always answers. Whether there is a heart to be heard, the confidence of the rate says.
- Of database training-f and others like it (few recordings, much noise) it finds fewer beats.
"""


def measured(heard: list[Heard]) -> dict[str, Metric]:
    """What goes into the contract, by `data.measure`."""
    found = figures("test", heard)
    metrics = {}
    for group in DATA_SETS:
        for tolerance, own in found.sounds[group].f1.items():
            metrics[f"{group}.sounds_f1_{tolerance}ms"] = Metric(
                value=own[0], low=own[1], high=own[2]
            )
        metrics |= _rates(found, group)
    return metrics


def _rates(found: Figures, group: str) -> dict[str, Metric]:
    return {
        f"{group}.rate_within_5bpm_{kind}_windows": Metric(
            value=found.rates[f"{kind} windows, {group}"].near,
            low=found.rates[f"{kind} windows, {group}"].near_interval[0],
            high=found.rates[f"{kind} windows, {group}"].near_interval[1],
        )
        for kind in ("good", "all")
    }


def reference(heard: list[Heard]) -> dict[str, Distribution]:
    """What it tells of people it never heard; later drift is judged against it."""
    hearts = [heart for own in heard for heart in own.hearts if heart is not None]
    told = {
        "rate_bpm": [heart.rate_bpm for heart in hearts],
        "rate_confidence": [heart.confidence for heart in hearts],
    }
    return {
        name: Distribution(
            deciles=tuple(np.percentile(values, range(0, 101, 10)).round(4).tolist())
        )
        for name, values in told.items()
    }


def publish(net: bytes, folder: Path, drawn: Path | None = None) -> Entry:
    """Measure, stamp and write ``NAME-VERSION.onnx``, its card and its line in the manifest.

    An earlier version of it leaves the manifest. Pictures of the test go to `drawn`.
    """
    predictor = OnnxPredictor(net)
    tested = _part(predictor, "test")
    if drawn is not None:
        drawn.mkdir(parents=True, exist_ok=True)
        pictures.bland_altman(tested, drawn / "heart-rate.png")
        pictures.examples(tested, drawn / "segmentation.png")
    stamped_contract = msgspec.structs.replace(
        predictor.contract,
        metrics=measured(tested),
        reference=reference(_part(predictor, "validation")),
    )
    stamped = with_contract(net, stamped_contract)
    stem = f"{stamped_contract.name}-{stamped_contract.version}"
    entry = Entry(
        name=stamped_contract.name,
        version=stamped_contract.version,
        task=stamped_contract.task,
        labels=stamped_contract.labels,
        file=f"{stem}.onnx",
        sha256=hashlib.sha256(stamped).hexdigest(),
        card=f"{stem}.md",
        default=True,
    )
    write_whole(folder / entry.file, stamped)
    write_whole(folder / entry.card, card(stamped_contract, entry, len(stamped)).encode())
    others = read_manifest(folder).models if (folder / MANIFEST).exists() else ()
    kept = tuple(other for other in others if other.name != entry.name)
    encoded = msgspec.json.encode(Manifest(models=(*kept, entry)))
    write_whole(folder / MANIFEST, msgspec.json.format(encoded) + b"\n")
    return entry


def card(own: ModelContract, entry: Entry, size_bytes: int) -> str:
    rows = "\n".join(
        f"| {' | '.join(name.split('.'))} | {metric.value:.3f} "
        f"| {metric.low:.3f} to {metric.high:.3f} |"
        for name, metric in own.metrics.items()
    )
    return _CARD.format(
        **{field: getattr(own, field) for field in own.__struct_fields__},
        states=", ".join(own.labels),
        target=own.scaling.target,
        file=entry.file,
        size_kb=size_bytes / 1000,
        rows=rows,
    )


def _part(predictor: OnnxPredictor, wanted: Literal["validation", "test"]) -> list[Heard]:
    return [
        heard
        for name in DATA_SETS
        for heard in listen(
            catalogue.load(name),
            getattr(splits.turns(splits.protocol_named(name))[0], wanted),
            predictor.predict,
        )
    ]


def main(
    trained: Annotated[Path, typer.Argument(help="Folder of the training named `shipped`.")],
    folder: Annotated[Path, typer.Option(help="Where the shipped artifacts lie.")] = ARTIFACTS,
    drawn: Annotated[
        Path | None, typer.Option(help="Folder for pictures: rates against marks, examples.")
    ] = None,
) -> None:
    """Ship the net that segments, in 8 bits."""
    torch.set_num_threads(1)
    entry = publish(rounded(artifact(load(trained / CHECKPOINT), contract())), folder, drawn)
    print(f"{entry.name} {entry.version}: {folder / entry.card}")  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
