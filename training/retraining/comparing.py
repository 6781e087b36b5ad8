"""The candidate and the model in service on the same recordings that neither may have heard."""

from collections.abc import Sequence

import msgspec

from models.contract import Metric
from models.predictor import Predictor
from training.datasets.recordings import DataSet
from training.evaluation.comparison import McNemar, compared
from training.evaluation.hearing import ALL, hear
from training.evaluation.predictions import Predictions
from training.evaluation.summary import evaluate
from training.evaluation.truths import truth_of

SHOWN = ("uar", "auc", "accuracy", "sensitivity", "specificity")


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one data set; `heard_them` where it was trained on these recordings."""

    version: str
    heard_them: bool
    metrics: dict[str, Metric]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Both on one data set; McNemar's first is the model in service."""

    data_set: str
    recordings: int
    subjects: int
    in_service: Side
    candidate: Side
    difference: McNemar | None


def compare(
    in_service: Predictor,
    candidate: Predictor,
    sets: Sequence[tuple[DataSet, str]],
    *,
    draws: int,
    max_files: int | None = None,
) -> list[Comparison]:
    """Compare on the test of each data set's protocol, or on all of it.

    A data set of which either model knows no label is left out.
    """
    found = []
    for data, protocol in sets:
        both = (in_service, candidate)
        if not all(_has_words_for(model, data) for model in both):
            continue
        theirs, ours = (_test(model, data, protocol, max_files) for model in both)
        # The candidate was trained by these protocols, whatever one hash in a contract can say.
        ours = msgspec.structs.replace(ours, run=msgspec.structs.replace(ours.run, leaks=False))
        before, after = evaluate([theirs], draws=draws), evaluate([ours], draws=draws)
        found.append(
            Comparison(
                data_set=data.name,
                recordings=after.recordings,
                subjects=after.subjects,
                in_service=_side(theirs, before.metrics),
                candidate=_side(ours, after.metrics),
                difference=compared([theirs], [ours]),
            )
        )
    return found


def table(found: Sequence[Comparison]) -> list[str]:
    """Lines of Markdown."""
    lines = [
        "| data | recordings of subjects | measure | in service | candidate | McNemar p |",
        "|---|---|---|---|---|---|",
    ]
    for each in found:
        p_value = "" if each.difference is None else f"{each.difference.p_value:.3g}"
        for name in SHOWN:
            if name not in each.candidate.metrics:
                continue
            lines.append(
                f"| {each.data_set} | {each.recordings} of {each.subjects} | {name} "
                f"| {_said(each.in_service, name)} | {_said(each.candidate, name)} | {p_value} |"
            )
    return lines


def _has_words_for(model: Predictor, data: DataSet) -> bool:
    return any(truth_of(each, model.contract.labels) for each in data.recordings)


def _test(predictor: Predictor, data: DataSet, protocol: str, max_files: int | None) -> Predictions:
    parts = hear(predictor, data, protocol, max_files=max_files)
    (test,) = (each for each in parts if each.run.part == "test")
    return test


def _side(predictions: Predictions, metrics: dict[str, Metric]) -> Side:
    run = predictions.run
    return Side(version=run.version, heard_them=run.leaks, metrics=metrics)


def _said(side: Side, name: str) -> str:
    metric = side.metrics.get(name)
    if metric is None or not metric.is_known:
        return "-"
    warning = " (trained on them)" if side.heard_them else ""
    return f"{metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f}){warning}"


def protocols_of(data: Sequence[DataSet], held_out: DataSet) -> list[tuple[DataSet, str]]:
    """Each public set by its held-out part, and the clinicians' held-out labels whole."""
    return [*((each, each.name) for each in data), (held_out, ALL)]
