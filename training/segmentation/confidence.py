"""How sure a heart rate is: the logistic regression whose numbers stand in `models.heart_rate`.

    python -m training.segmentation.confidence runs/segment

Learnt from windows of subjects that the nets never heard, all folds together: whether the rate is
within 5 bpm of the marked one. Prints the numbers, and how well they are calibrated when each fold
is predicted from the others.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from torch import nn

from models.contract import PIPELINE_GRID
from models.dsp import Floats, windows_of
from models.envelope import frame_power
from models.heart_rate import beating, evidence, periods
from models.segmentation import segment
from training.datasets import catalogue
from training.datasets.recordings import DataSet
from training.datasets.states import states
from training.segmentation.evaluate import predictor_of
from training.segmentation.figures import NEAR_BPM
from training.segmentation.listening import Predict
from training.segmentation.scoring import Span, marked_spans, middles_s, reference_bpm
from training.segmentation.train import CHECKPOINT, DATA_SETS, turns

_STEPS = 200
_BINS = 10
Numbers = npt.NDArray[np.float64]


class Seen(NamedTuple):
    """Windows that have a marked rate: what is known of each, and whether its rate is near."""

    evidence: Numbers
    near: npt.NDArray[np.bool_]


def seen(data: DataSet, paths: Iterable[str], predict: Predict) -> Seen:
    """Hear recordings; windows without a rate, or without a marked one, are left out."""
    wanted, marked = set(paths), states(data)
    known, near = [], []
    for recording in data.recordings:
        if recording.path not in wanted or recording.path not in marked:
            continue
        windows = windows_of(*data.read(recording)).samples
        own = marked[recording.path]
        spans = marked_spans(own, (len(windows) + 1) * PIPELINE_GRID.hop_s)
        starts_s = np.arange(len(windows)) * PIPELINE_GRID.hop_s
        s1_s = middles_s(own, "S1")
        marked_bpm = np.array(
            [reference_bpm(s1_s, spans, Span(at, at + PIPELINE_GRID.window_s)) for at in starts_s]
        )
        of_windows, told_bpm = _evidence(windows, predict)
        usable = np.isfinite(marked_bpm) & np.isfinite(told_bpm)
        known.append(of_windows[usable])
        near.append(np.abs(told_bpm - marked_bpm)[usable] <= NEAR_BPM)
    return Seen(np.concatenate(known), np.concatenate(near))


def fitted(parts: Sequence[Seen]) -> Numbers:
    """Weights, bias last."""
    inputs = torch.from_numpy(np.concatenate([part.evidence for part in parts])).float()
    near = torch.from_numpy(np.concatenate([part.near for part in parts])).float()
    net = nn.Linear(inputs.shape[1], 1)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    optimiser = torch.optim.LBFGS(net.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")
    loss_of = nn.BCEWithLogitsLoss()

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss: torch.Tensor = loss_of(net(inputs)[:, 0], near)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return np.append(net.weight.detach().numpy()[0], net.bias.item())


def calibration_error(sure: Numbers, near: npt.NDArray[np.bool_]) -> float:
    """Mean distance of confidence and share that is near, over ten bins of as many windows."""
    order = np.argsort(sure)
    parts = np.array_split(order, _BINS)
    return float(np.mean([abs(sure[own].mean() - near[own].mean()) for own in parts]))


def main(
    nets: Annotated[Path, typer.Argument(help="What training.segmentation.train wrote.")],
) -> None:
    """Fit the confidence of heart rates."""
    torch.set_num_threads(1)
    parts = []
    for fold in range(len(turns(DATA_SETS[0]))):
        checkpoint = nets / f"fold-{fold}" / CHECKPOINT
        if checkpoint.is_file():
            predict = predictor_of(checkpoint).predict
            parts += [
                seen(catalogue.load(name), turns(name)[fold].test, predict) for name in DATA_SETS
            ]
    weights = fitted(parts)
    Console().print(f"weights {weights[:-1].round(2).tolist()}, bias {weights[-1]:.2f}")
    others = [fitted(parts[:k] + parts[k + 1 :]) for k in range(len(parts))]
    sure = [_sure(part, own) for part, own in zip(parts, others, strict=True)]
    error = calibration_error(np.concatenate(sure), np.concatenate([part.near for part in parts]))
    Console().print(f"calibration error, each part from the others: {error:.3f}")


def _sure(part: Seen, weights: Numbers) -> Numbers:
    sure: Numbers = 1 / (1 + np.exp(-(part.evidence @ weights[:-1] + weights[-1])))
    return sure


def _evidence(windows: Floats, predict: Predict) -> tuple[Numbers, Numbers]:
    probabilities = predict(windows)
    period = periods(probabilities, frame_power(windows))
    segments = segment(probabilities, period.rate_bpm)
    beats = beating(segments, PIPELINE_GRID.window_s)
    of_windows = evidence(segments.agreement, period.strength, period.rate_bpm, beats)
    return of_windows, beats.rate_bpm


if __name__ == "__main__":
    typer.run(main)
