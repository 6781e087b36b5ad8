"""The forms that one net can ship in, measured side by side, and which of them does.

The gate: on the same subjects that the net never heard, a form loses at most 0.5 points of UAR
against the floating one, and of no label more than 1. Among the forms that pass it and are within
250 kB the quickest ships; of those as quick within 5 %, the smallest.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.dsp import scale
from models.predictor import OnnxPredictor
from training import quantize
from training.datasets import catalogue
from training.evaluation import metrics
from training.evaluation.cost import times_in_turns
from training.evaluation.scored import Scored
from training.shipping import listening
from training.shipping.listening import Said
from training.shipping.trained import Trained

FLOAT = "float"
LIMIT_BYTES = 250_000
UAR_LOST, LABEL_LOST = 0.005, 0.01
TARGETS_MS = {1: 0.3, 32: 0.25}  # of one window, by the windows in a call

_AS_QUICK = 1.05
_CALLS = {1: 200, 32: 40}
_ROUNDING = 1e-9  # of a difference of shares: 0.005 lost is not more than 0.005


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Median time of one window in a call of `batch`, and how many times float's it takes.

    Both took turns in one process, one thread on one core, so what else the machine does cancels.
    """

    batch: int
    window_ms: float
    times_float: float


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One way to write the same net.

    Attributes
    ----------
    uar_lost, label_lost
        Against float, as shares; `label_lost` is the label's that loses most. Negative: gained.
    relabelled
        The share of recordings that are decided otherwise than by float.
    largest_difference
        Of the probability of any label in any window.
    """

    name: str
    size_bytes: int
    speeds: tuple[Speed, ...]
    uar: float
    uar_lost: float
    label_lost: float
    relabelled: float
    largest_difference: float

    @property
    def passes(self) -> bool:
        return self.uar_lost <= UAR_LOST + _ROUNDING and self.label_lost <= LABEL_LOST + _ROUNDING

    @property
    def times_float(self) -> float:
        """Mean over batches (geometric, as of ratios)."""
        return float(np.exp(np.mean([np.log(each.times_float) for each in self.speeds])))


class Agreement(NamedTuple):
    """What `Form` says of answers alone."""

    uar: float
    uar_lost: float
    label_lost: float
    relabelled: float
    largest_difference: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All forms, and on how many recordings of whom they were compared.

    `people` is what the `subjects` are; see `catalogue.people_of`.
    """

    forms: tuple[Form, ...]
    recordings: int
    subjects: int
    nets: int
    people: str = "subjects"

    @property
    def chosen(self) -> Form:
        """See the module's rule; where none is within the limit, the limit does not count."""
        passing = [form for form in self.forms if form.passes]
        small = [form for form in passing if form.size_bytes <= LIMIT_BYTES] or passing
        quickest = min(form.times_float for form in small)
        as_quick = [form for form in small if form.times_float <= _AS_QUICK * quickest]
        return min(as_quick, key=lambda form: form.size_bytes)


def written(artifact: bytes, calibration: npt.NDArray[np.float32]) -> dict[str, bytes]:
    """Every form of a floating artifact.

    Parameters
    ----------
    calibration
        Windows of the training part, shape (n, window), not scaled.
    """
    contract = OnnxPredictor(artifact).contract
    return {
        FLOAT: artifact,
        "weights": quantize.weights(artifact),
        "static": quantize.static(artifact, scale(calibration, contract.scaling)),
        "dynamic": quantize.dynamic(artifact),
    }


def compare(
    shipping: Mapping[str, bytes], tested: Sequence[tuple[Trained, Mapping[str, bytes]]]
) -> Comparison:
    """Time the files that would ship; judge the forms of nets on what these held back.

    Parameters
    ----------
    shipping
        Whole, as they would lie among the artifacts: their sizes count.
    tested
        Runs with every form of their own net.
    """
    said: dict[str, list[Said]] = {name: [] for name in shipping}
    for trained, artifacts in tested:
        predictors = {name: OnnxPredictor(artifact) for name, artifact in artifacts.items()}
        for name, own in listening.answers(predictors, trained, "test").items():
            said[name] += own
    speeds = timed(shipping)
    forms = []
    for name, artifact in shipping.items():
        agreed = agreement(said[FLOAT], said[name])
        forms.append(
            Form(
                name=name,
                size_bytes=len(artifact),
                speeds=speeds[name],
                **agreed._asdict(),
            )
        )
    pooled = [each.recordings for each in said[FLOAT]]
    subjects = {name for each in pooled for name in each.subject.tolist()}
    return Comparison(
        forms=tuple(forms),
        recordings=sum(map(len, pooled)),
        subjects=len(subjects),
        nets=len(tested),
        people=catalogue.people_of(name for run, _ in tested for name in run.listed["test"]),
    )


def agreement(floating: Sequence[Said], other: Sequence[Said]) -> Agreement:
    """Hold one form's answers against float's, on the same recordings."""
    own, theirs = _pooled(floating), _pooled(other)
    lost = label_rates(own) - label_rates(theirs)
    windows = (np.abs(a.windows - b.windows).max() for a, b in zip(floating, other, strict=True))
    uar = metrics.uar(theirs)
    return Agreement(
        uar=uar,
        uar_lost=metrics.uar(own) - uar,
        label_lost=float(np.nanmax(lost)),
        relabelled=float((own.decided != theirs.decided).any(axis=1).mean()),
        largest_difference=float(max(windows)),
    )


def label_rates(scored: Scored) -> npt.NDArray[np.float64]:
    """Recall of each label; of labels that concur the mean of recall and specificity, as in UAR."""
    recalls = metrics.recalls(scored)
    if scored.exclusive:
        return recalls
    return np.asarray((recalls + metrics.specificities(scored)) / 2)


def timed(artifacts: Mapping[str, bytes]) -> dict[str, tuple[Speed, ...]]:
    """Each form in turns with the floating one."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in artifacts}
        for name, file in files.items():
            file.write_bytes(artifacts[name])
        found: dict[str, list[Speed]] = {name: [] for name in files}
        for batch, calls in _CALLS.items():
            for name, speed in _in_turns(files, batch, calls).items():
                found[name].append(speed)
    return {name: tuple(speeds) for name, speeds in found.items()}


def _in_turns(files: Mapping[str, Path], batch: int, calls: int) -> dict[str, Speed]:
    """Float's own time is the median over all that it took turns with."""
    speeds: dict[str, Speed] = {}
    floating_ms = []
    for name, file in files.items():
        if name != FLOAT or len(files) == 1:
            own, floating = map(
                np.median, times_in_turns(file, files[FLOAT], batch=batch, calls=calls)
            )
            floating_ms.append(float(floating) / batch)
            speeds[name] = _speed(batch, float(own) / batch, float(own / floating))
    return {FLOAT: _speed(batch, float(np.median(floating_ms)), 1.0)} | speeds


def _speed(batch: int, window_ms: float, times_float: float) -> Speed:
    return Speed(batch=batch, window_ms=window_ms, times_float=times_float)


def _pooled(said: Sequence[Said]) -> Scored:
    every = [each.recordings for each in said]
    first = every[0]
    return Scored(
        labels=first.labels,
        exclusive=first.exclusive,
        truth=np.concatenate([each.truth for each in every]),
        probabilities=np.concatenate([each.probabilities for each in every]),
        subject=np.concatenate([each.subject for each in every]),
        database=np.concatenate([each.database for each in every]),
        clear=np.concatenate([each.clear for each in every]),
        answered=np.concatenate([each.answered for each in every]),
    )
