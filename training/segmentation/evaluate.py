"""Measure heart rate, S1 and S2 on people that the nets never heard.

    python -m training.segmentation.evaluate runs/segment runs/segment/report

The folder is what `training.segmentation.train` wrote. Each fold's net hears the recordings of its
own fold, through the ONNX file, as the pipeline does; beside them the baseline, learnt from the
same folds, and the net that heard no recording of circor2022, on all of that. What nobody marked,
and the last seconds of a recording that fill no window, are not judged.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import torch
import typer
from rich.console import Console

from models.predictor import OnnxPredictor
from training.datasets import catalogue
from training.evaluation.markdown_table import table
from training.segmentation import baseline, pictures
from training.segmentation.export import artifact, contract
from training.segmentation.figures import Figures, Rates, figures
from training.segmentation.listening import Heard, Predict, listen
from training.segmentation.marked import marked
from training.segmentation.train import CHECKPOINT, DATA_SETS, load, trainings, turns

JSON, PAGE = "heart.json", "heart.md"
_HEAD = """# Heart rate, S1 and S2

Written by `python -m training.segmentation.evaluate`; intervals are 95 %, from drawing whole
subjects anew.
"""
_LEARNT_FROM = 24  # every so many-th recording of a fold's training, for the baseline


def main(
    nets: Annotated[Path, typer.Argument(help="What training.segmentation.train wrote.")],
    to: Annotated[Path, typer.Argument(help="Folder for JSON, Markdown and pictures.")],
    every: Annotated[
        int, typer.Option(help="Hear only every so many-th recording, to be quick.")
    ] = 1,
    without_baseline: Annotated[bool, typer.Option(help="Leave the baseline out.")] = False,
) -> None:
    """Measure heart rate, S1 and S2."""
    torch.set_num_threads(1)
    to.mkdir(parents=True, exist_ok=True)
    found, net = [], _folds(nets, every)
    if net:
        found.append(figures("net, each fold by the net that never heard it", net))
        pictures.bland_altman(net, to / "heart-rate.png")
        pictures.examples(net, to / "segmentation.png")
    other = _elsewhere(nets, every)
    if other:
        found.append(figures(f"net that heard no {DATA_SETS[1]}, on all of it", other))
    if not without_baseline:
        found.append(figures("four envelopes, the same folds", _baseline_folds(every)))
    (to / JSON).write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    page = "\n".join((_HEAD, *(markdown(own) for own in found)))
    (to / PAGE).write_text(page, encoding="utf-8")
    Console().print(page, highlight=False, markup=False, soft_wrap=True)


def predictor_of(checkpoint: Path) -> OnnxPredictor:
    return OnnxPredictor(artifact(load(checkpoint), contract()))


def markdown(found: Figures) -> str:
    rate_rows = [
        (
            name,
            str(own.windows),
            f"{own.refused:.1%}",
            *_accuracy(own),
        )
        for name, own in found.rates.items()
    ]
    sound_rows = [
        (
            group,
            f"{own.recordings} of {own.subjects}",
            *(f"{f1:.3f} ({low:.3f} to {high:.3f})" for f1, low, high in own.f1.values()),
        )
        for group, own in found.sounds.items()
    ]
    tolerances = next(iter(found.sounds.values())).f1
    agreement = ", ".join(f"{_said(part)} ({name})" for name, part in found.agreement.items())
    return "\n".join(
        (
            f"## {found.title}\n",
            table(("heart rate", "windows", "refused", "within 5 bpm", "error, bpm"), rate_rows),
            table(
                ("S1 and S2", "recordings of subjects", *(f"F1 at {t} ms" for t in tolerances)),
                sound_rows,
            ),
            f"Sounds in overlaps that two windows tell within a frame: {agreement}.\n",
        )
    )


def _accuracy(own: Rates) -> tuple[str, str]:
    if math.isnan(own.near):
        return "-", "-"
    low, high = own.near_interval
    return f"{own.near:.1%} ({low:.1%} to {high:.1%})", f"{own.mean_absolute_error_bpm:.2f}"


def _said(share: float) -> str:
    """A dash where nothing was answered: the baseline's confidence lets nothing pass."""
    return "-" if math.isnan(share) else f"{share:.1%}"


def _folds(nets: Path, every: int) -> list[Heard]:
    heard: list[Heard] = []
    for fold in range(len(turns(DATA_SETS[0]))):
        checkpoint = nets / f"fold-{fold}" / CHECKPOINT
        if checkpoint.is_file():
            heard += _hear(_tested(fold, every), predictor_of(checkpoint).predict)
    return heard


def _elsewhere(nets: Path, every: int) -> list[Heard]:
    checkpoint = nets / f"without-{DATA_SETS[1]}" / CHECKPOINT
    if not checkpoint.is_file():
        return []
    paths = [own.path for own in catalogue.load(DATA_SETS[1]).recordings]
    return _hear([(DATA_SETS[1], paths[::every])], predictor_of(checkpoint).predict)


def _baseline_folds(every: int) -> list[Heard]:
    heard: list[Heard] = []
    learnt_from = trainings()
    for fold in range(len(turns(DATA_SETS[0]))):
        own = learnt_from[f"fold-{fold}"]
        paths = {name: sorted(path for part, path in own if part == name) for name in DATA_SETS}
        learnt = [
            each
            for name in DATA_SETS
            for each in marked(catalogue.load(name), paths[name][::_LEARNT_FROM])
        ]
        heard += _hear(_tested(fold, every), baseline.fit(learnt).predict)
    return heard


def _tested(fold: int, every: int) -> list[tuple[str, Sequence[str]]]:
    return [(name, turns(name)[fold].test[::every]) for name in DATA_SETS]


def _hear(parts: Sequence[tuple[str, Sequence[str]]], predict: Predict) -> list[Heard]:
    return [
        heard for name, paths in parts for heard in listen(catalogue.load(name), paths, predict)
    ]


if __name__ == "__main__":
    typer.run(main)
