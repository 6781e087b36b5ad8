"""Measure an artifact on people it was never trained on.

    python -m training.evaluate models/artifacts/screen.onnx

The artifact itself is measured, as the pipeline runs it, not the net it came from. The 95 %
confidence intervals are from drawing subjects anew with replacement.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from models.classify import overall
from models.contract import Metric
from models.predictor import OnnxPredictor, Predictor
from training import splits
from training.datasets import circor2022, physionet2016
from training.evaluation import ranking
from training.windows import WindowSet, cut

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

DRAWS = 1000
_BATCH = 32
_THRESHOLD = 0.5
_FEWEST = 5  # of either label, for a database to have a curve worth averaging


class Judged(NamedTuple):
    """Windows or recordings with their truth; all of one length.

    Attributes
    ----------
    abnormal
        The annotators' word.
    score
        Probability of abnormal.
    """

    abnormal: Bools
    score: Floats
    subject: npt.NDArray[np.str_]
    database: npt.NDArray[np.str_]

    def take(self, chosen: npt.NDArray[np.int64]) -> "Judged":
        return Judged(
            self.abnormal[chosen], self.score[chosen], self.subject[chosen], self.database[chosen]
        )


Measure = Callable[[Judged], float]


def evaluate(predictor: Predictor) -> dict[str, Metric]:
    """Every figure of the model card, by ``DATA.LEVEL.MEASURE``."""
    figures = {}
    for name, windows in held_out():
        score = abnormal_score(predictor, windows)
        levels = {"recording": of_recordings(windows, score), "window": of_windows(windows, score)}
        for level, judged in levels.items():
            for measure, metric in measured(judged).items():
                figures[f"{name}.{level}.{measure}"] = metric
    return figures


def held_out() -> list[tuple[str, WindowSet]]:
    """The test part of physionet2016, and a set of another country, sensor and age."""
    return [(physionet2016.NAME, part_of_physionet("test")), (circor2022.NAME, _circor())]


def part_of_physionet(part: splits.Part) -> WindowSet:
    data = physionet2016.load()
    parts = splits.read(data.name)
    return cut(data, [record for record in data.recordings if parts[record.path] == part])


def abnormal_score(predictor: Predictor, windows: WindowSet) -> Floats:
    """Probability of abnormal, shape (windows,)."""
    place = predictor.contract.labels.index("abnormal")
    batches = np.array_split(np.arange(len(windows)), max(1, len(windows) // _BATCH))
    answers = [predictor.predict(windows.samples(batch))[:, place] for batch in batches]
    return np.concatenate(answers).astype(np.float64)


def of_windows(windows: WindowSet, score: Floats) -> Judged:
    recordings = of_recordings(windows, score)
    return recordings.take(windows.recording)._replace(score=score)


def of_recordings(windows: WindowSet, score: Floats) -> Judged:
    """A recording's score is what `heartward classify` says of it."""
    records = windows.recordings
    starts = np.flatnonzero(np.diff(windows.recording)) + 1
    per_recording = zip(np.split(score, starts), np.split(windows.usable, starts), strict=True)
    return Judged(
        abnormal=np.array([record.label == "abnormal" for record in records]),
        score=np.array([float(overall(own, usable)) for own, usable in per_recording]),
        subject=np.array([record.subject for record in records]),
        database=np.array([record.database for record in records]),
    )


def measured(judged: Judged) -> dict[str, Metric]:
    """Each measure with its interval."""
    figures = _with_intervals(judged, MEASURES)
    within = comparable(judged)
    if len(within.abnormal):
        figures |= _with_intervals(within, {"auc_within_databases": auc_within_databases})
    return figures


def comparable(judged: Judged) -> Judged:
    """Those of databases that have enough of both labels for a curve of their own."""
    names, place = np.unique(judged.database, return_inverse=True)
    counts = np.zeros((len(names), 2), np.int64)
    np.add.at(counts, (place, judged.abnormal.astype(np.int64)), 1)
    return judged.take(np.flatnonzero(counts.min(axis=1)[place] >= _FEWEST))


def auc(judged: Judged) -> float:
    """The chance that an abnormal one scores higher than a normal one; a tie counts half."""
    return ranking.auc(judged.abnormal, judged.score)


def auc_within_databases(judged: Judged) -> float:
    """Mean of each database's own area: no credit for telling databases apart."""
    areas = [
        auc(judged.take(np.flatnonzero(judged.database == database)))
        for database in np.unique(judged.database)
    ]
    return float(np.nanmean(areas)) if np.isfinite(areas).any() else float("nan")


def auc_of_database_name(judged: Judged) -> float:
    """What one gets who never listens: each database's share of abnormal ones as the score."""
    names, place = np.unique(judged.database, return_inverse=True)
    share = np.bincount(place, weights=judged.abnormal) / np.bincount(place, minlength=len(names))
    return auc(judged._replace(score=share[place]))


def sensitivity(judged: Judged) -> float:
    return _share(judged.score[judged.abnormal] >= _THRESHOLD)


def specificity(judged: Judged) -> float:
    return _share(judged.score[~judged.abnormal] < _THRESHOLD)


def macc(judged: Judged) -> float:
    """The challenge's own measure: the mean of sensitivity and specificity."""
    return (sensitivity(judged) + specificity(judged)) / 2


MEASURES: dict[str, Measure] = {
    "auc": auc,
    "auc_of_database_name": auc_of_database_name,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "macc": macc,
}


def _with_intervals(judged: Judged, measures: dict[str, Measure]) -> dict[str, Metric]:
    draw = np.random.default_rng(0)
    _, owner = np.unique(judged.subject, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    of_subject = np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)
    values = np.empty((DRAWS, len(measures)))
    for row in values:
        drawn = draw.integers(len(of_subject), size=len(of_subject))
        again = judged.take(np.concatenate([of_subject[one] for one in drawn]))
        row[:] = [measure(again) for measure in measures.values()]
    low, high = np.nanpercentile(values, [2.5, 97.5], axis=0).tolist()
    return {
        name: Metric(value=measure(judged), low=low[place], high=high[place])
        for place, (name, measure) in enumerate(measures.items())
    }


def _share(hits: Bools) -> float:
    return float(hits.mean()) if len(hits) else float("nan")


def _circor() -> WindowSet:
    data = circor2022.load()
    return cut(data, data.recordings)


def table(figures: dict[str, Metric]) -> Table:
    shown = Table("measured on", "level", "measure", "value", "95 % interval")
    for name, metric in figures.items():
        shown.add_row(
            *name.split("."), f"{metric.value:.3f}", f"{metric.low:.3f} to {metric.high:.3f}"
        )
    return shown


def main(
    artifact: Annotated[Path, typer.Argument(help="The ONNX file to measure.")],
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file too.")] = None,
) -> None:
    """Print sensitivity, specificity and areas under the curve."""
    figures = evaluate(OnnxPredictor(artifact.read_bytes()))
    Console().print(table(figures))
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    typer.run(main)
