"""Measure an exported artifact, write the figures into it, and ship it with its card.

python -m training.report .cache/screen.onnx
"""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from models.contract import ModelContract
from models.predictor import OnnxPredictor
from models.registry import ARTIFACTS, MANIFEST, Entry, Manifest, read_manifest
from training.evaluate import evaluate, part_of_physionet
from training.export import measured_contract, reference, with_contract

_CARD = """\
# {name} {version}

{intended_use}

| | |
|---|---|
| task | {task}: {labels} |
| input | {window_s:g} s of heart sound every {hop_s:g} s at {sample_rate_hz} Hz, {filter}, \
each window scaled to an RMS of {target:g} |
| output | probabilities; {answer} |
| file | `{file}`, {size_kb:.0f} kB, ONNX opset {opset} |
| licence | {licence} |

## Trained on

{training_data}, the part named `train` in `training/split_files/{split}` (by subject; 70 % of \
each database and label). PhysioNet/CinC Challenge 2016: Liu C. et al., "An open access database \
for the evaluation of heart sound algorithms", Physiol. Meas. 37(12), 2016, ODC-By 1.0. Every \
window carries the label of its whole recording. Code at commit `{git_commit}`: \
`python -m training.train`, then `training.export`, `training.report`.

## Measured

On people it was never trained on, by `python -m training.evaluate models/artifacts/{file}`. A \
recording's probability is the mean of its usable windows'; it is called abnormal from 0.5. \
Intervals are 95 %, from drawing subjects anew. physionet2016 is its part `test`; circor2022 is \
another country, sensor and age (children in Brazil; Oliveira J. et al. 2022, ODC-By 1.0), of \
which nothing was trained on, and its label is a murmur audible at the site.

| data | level | measure | value | 95 % interval |
|---|---|---|---|---|
{figures}

## Know before use

- `auc` over all of physionet2016 flatters: who never listens and only knows the database gets \
`auc_of_database_name`. `auc_within_databases` is the mean over the databases with at least five \
of each label.
- On another sensor and age it is weak: read the circor2022 lines before trusting it anywhere else.
- It says that something may be abnormal, not what.
"""


def publish(artifact: bytes, folder: Path) -> Entry:
    """Measure, stamp and write ``NAME-VERSION.onnx``, its card and its line in the manifest."""
    predictor = OnnxPredictor(artifact)
    contract = measured_contract(
        predictor.contract,
        evaluate(predictor),
        reference(predictor, part_of_physionet("validation")),
    )
    stamped = with_contract(artifact, contract)
    stem = f"{contract.name}-{contract.version}"
    entry = Entry(
        name=contract.name,
        version=contract.version,
        task=contract.task,
        file=f"{stem}.onnx",
        sha256=hashlib.sha256(stamped).hexdigest(),
        card=f"{stem}.md",
        default=True,
    )
    (folder / entry.file).write_bytes(stamped)
    (folder / entry.card).write_text(card(contract, entry, len(stamped)), encoding="utf-8")
    _list(entry, folder)
    return entry


def card(contract: ModelContract, entry: Entry, size_bytes: int) -> str:
    figures = "\n".join(
        f"| {' | '.join(name.split('.'))} | {metric.value:.3f} "
        f"| {metric.low:.3f} to {metric.high:.3f} |"
        for name, metric in contract.metrics.items()
    )
    return _CARD.format(
        **{field: getattr(contract, field) for field in contract.__struct_fields__}
        | {"labels": " or ".join(contract.labels)},
        target=contract.scaling.target,
        answer="they add up to 1" if contract.exclusive else "several may be high at once",
        file=entry.file,
        size_kb=size_bytes / 1000,
        figures=figures,
    )


def _list(entry: Entry, folder: Path) -> None:
    """Put the entry in place of what had its file, and of what was its task's default."""
    path = folder / MANIFEST
    others = read_manifest(folder).models if path.exists() else ()
    kept = tuple(
        msgspec.structs.replace(other, default=other.default and other.task != entry.task)
        for other in others
        if other.file != entry.file
    )
    encoded = msgspec.json.encode(Manifest(models=(*kept, entry)))
    path.write_bytes(msgspec.json.format(encoded) + b"\n")


def main(
    artifact: Annotated[Path, typer.Argument(help="What `training.export` wrote.")],
    folder: Annotated[Path, typer.Option(help="Where the shipped artifacts lie.")] = ARTIFACTS,
) -> None:
    """Ship a model."""
    entry = publish(artifact.read_bytes(), folder)
    print(f"{entry.name} {entry.version}: {folder / entry.card}")  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
