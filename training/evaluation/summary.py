"""Every figure of one row of a comparison, from its predictions alone."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np

from models.contract import Metric
from models.errors import ConfigurationError
from training.datasets import physionet2016
from training.evaluation import calibration, limits, metrics, ranking, selective
from training.evaluation.intervals import DRAWS, Measure, Spread, spread, with_intervals
from training.evaluation.metrics import PerClass
from training.evaluation.predictions import Heard, Predictions, by_seed
from training.evaluation.scored import Bools, Scored, scored
from training.evaluation.truths import HEALTHY

WORST = 20
_FIELDS = ("database", "age_group", "sex", "site", "murmur_grade")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The recordings of which one thing is the same; what cannot be counted is NaN.

    A murmur's grade is known of murmurs only, so its `uar` is their recall.
    """

    recordings: int
    subjects: int
    accuracy: float
    uar: float
    auc: float


class Worst(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake, and how sure the model was of it."""

    path: str
    database: str
    truth: tuple[str, ...]
    said: tuple[str, ...]
    confidence: float
    usable_windows: int
    clear: bool


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Claimed against true; what is `after` is at the temperature fitted on validation, if any.

    `error` is the ECE. It has no interval: drawing anew makes bins noisier, which only adds to it.
    """

    error: float
    bins: tuple[calibration.Bin, ...]
    temperature: float | None = None
    error_after: float | None = None
    bins_after: tuple[calibration.Bin, ...] = ()


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """One model by one protocol.

    Attributes
    ----------
    metrics, window_metrics
        With 95 % intervals, drawn by subject; of recordings and of single windows.
    over_seeds, over_folds
        The same metrics of recordings, of each repetition or fold by itself.
    confusion
        Rows are the truth; empty where labels may concur.
    groups
        By field, then by value.
    """

    data_set: str
    protocol: str
    leaks: bool
    model: str
    version: str
    labels: tuple[str, ...]
    folds: tuple[str, ...]
    seeds: tuple[int, ...]
    recordings: int
    subjects: int
    metrics: dict[str, Metric]
    window_metrics: dict[str, Metric]
    over_seeds: dict[str, Spread]
    over_folds: dict[str, Spread]
    per_class: tuple[PerClass, ...]
    label_aucs: dict[str, float]
    database_aucs: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]
    calibration: Calibration
    groups: dict[str, dict[str, Group]]
    worst: tuple[Worst, ...]


def measures(tested: Scored, data_set: str) -> dict[str, Measure]:
    """What is measured of these labels, by name; the Challenge's score of its own set alone."""
    known: dict[str, Measure] = {
        "accuracy": metrics.accuracy,
        "uar": metrics.uar,
        "macro_f1": metrics.macro_f1,
        "auc": ranking.overall_auc,
        "group_recall": metrics.group_recall,
        "brier": calibration.brier,
        "aurc": selective.area,
    }
    if tested.exclusive and set(tested.labels) == {"normal", "abnormal"}:
        place = tested.labels.index("abnormal")
        known |= {
            "sensitivity": partial(_of_label, metrics.recalls, place),
            "specificity": partial(_of_label, metrics.specificities, place),
            "precision": partial(_of_label, metrics.precisions, place),
            "f1": partial(_of_label, metrics.f1_scores, place),
        }
        if data_set == physionet2016.NAME:
            known["challenge_score"] = metrics.challenge_score
    if len(tested.labels) > 2:
        known |= _against_healthy(tested)
    among = ranking.comparable(tested)
    if among and len(np.unique(tested.database)) > 1:
        known["auc_within_databases"] = partial(ranking.auc_within_databases, among=among)
        known["auc_of_database_name"] = ranking.auc_of_database_name
    return known


def evaluate(runs: Sequence[Predictions], *, draws: int = DRAWS) -> Evaluation:
    """Pool folds and seeds, and count everything.

    Parameters
    ----------
    runs
        Of one model and protocol; those of validation serve to fit temperatures only.

    Raises
    ------
    ConfigurationError
        If a recording is tested twice in one repetition, or nothing is tested.
    """
    tests = [each for each in runs if each.run.part == "test"]
    _require_once(tests)
    tested, windows = scored(tests), scored(tests, "window")
    first = tests[0].run
    wanted = measures(tested, first.data_set)
    return Evaluation(
        data_set=first.data_set,
        protocol=first.protocol,
        leaks=any(each.run.leaks for each in tests),
        model=first.model,
        version=first.version,
        labels=tested.labels,
        folds=tuple(sorted({each.run.fold for each in tests})),
        seeds=tuple(by_seed(tests)),
        recordings=len({row.path for each in tests for row in each.recordings}),
        subjects=len(np.unique(tested.subject)),
        metrics=with_intervals(tested, wanted, draws=draws) | _at_limits(runs, draws),
        window_metrics=with_intervals(windows, _cheap(wanted), draws=min(draws, DRAWS // 5)),
        over_seeds=_over(wanted, list(by_seed(tests).values())),
        over_folds=_over(wanted, [[each] for each in tests]),
        per_class=metrics.per_class(tested),
        label_aucs=dict(zip(tested.labels, ranking.label_aucs(tested).tolist(), strict=True)),
        database_aucs=ranking.database_aucs(tested),
        confusion=_confusion(tested),
        calibration=_calibrated(tested, after_temperature(runs)),
        groups=_groups(tests, tested),
        worst=_worst(tests, tested),
    )


def after_temperature(runs: Sequence[Predictions]) -> tuple[float, Scored] | None:
    """The tests at the temperature of their own validation, and the temperatures' mean."""
    tests = [each for each in runs if each.run.part == "test" and each.recordings]
    fitted = {
        (each.run.seed, each.run.fold): calibration.temperature(scored([each]))
        for each in runs
        if each.run.part == "validation" and each.recordings
    }
    if {(each.run.seed, each.run.fold) for each in tests} - fitted.keys():
        return None
    found = [
        calibration.tempered(scored([each]), fitted[each.run.seed, each.run.fold]) for each in tests
    ]
    whole = scored(tests)
    mended = np.concatenate([each.probabilities for each in found])
    return float(np.mean(list(fitted.values()))), whole.with_probabilities(mended)


def _at_limits(runs: Sequence[Predictions], draws: int) -> dict[str, Metric]:
    """The UAR where the validation part, and not even odds, decides between two labels."""
    tested = limits.at_limits(runs)
    wanted: dict[str, Measure] = {"uar_at_limit": metrics.uar}
    return {} if tested is None else with_intervals(tested, wanted, draws=draws)


def _require_once(tests: Sequence[Predictions]) -> None:
    tested = Counter((each.run.seed, row.path) for each in tests for row in each.recordings)
    if tested and (most := tested.most_common(1)[0])[1] > 1:
        (seed, path), times = most
        run = tests[0].run
        raise ConfigurationError(
            f"{run.model} {run.version} by {run.protocol}: {path} is tested {times} times with "
            f"seed {seed}, so some folds overlap"
        )


def _against_healthy(tested: Scored) -> dict[str, Measure]:
    """Each lesion against healthy hearts, where both were tested."""
    tested_labels = np.flatnonzero(tested.truth.sum(axis=0)).tolist()
    present = [tested.labels[place] for place in tested_labels]
    healthy = [label for label in present if label in HEALTHY]
    return {
        f"auc_{label}_against_{other}": partial(ranking.auc_against, label=label, other=other)
        for other in healthy
        for label in present
        if label != other
    }


def _of_label(
    measure: Callable[[Scored], np.typing.NDArray[np.float64]], place: int, tested: Scored
) -> float:
    return float(measure(tested)[place])


def _cheap(wanted: Mapping[str, Measure]) -> dict[str, Measure]:
    """Of windows: what a person asks first, for there are many."""
    return {name: wanted[name] for name in ("accuracy", "uar", "auc") if name in wanted}


def _over(
    wanted: Mapping[str, Measure], parts: Sequence[Sequence[Predictions]]
) -> dict[str, Spread]:
    if len(parts) < 2:
        return {}
    each = [scored(part) for part in parts]
    values = {name: [measure(own) for own in each] for name, measure in wanted.items()}
    return {
        name: spread([value for value in own if np.isfinite(value)]) for name, own in values.items()
    }


def _confusion(tested: Scored) -> tuple[tuple[int, ...], ...]:
    if not tested.exclusive:
        return ()
    return tuple(tuple(row) for row in metrics.confusion(tested).tolist())


def _calibrated(tested: Scored, mended: tuple[float, Scored] | None) -> Calibration:
    bins = calibration.reliability(tested)
    error = calibration.expected_error(tested)
    if mended is None:
        return Calibration(error=error, bins=bins)
    by, after = mended
    return Calibration(
        error=error,
        bins=bins,
        temperature=by,
        error_after=calibration.expected_error(after),
        bins_after=calibration.reliability(after),
    )


def _groups(tests: Sequence[Predictions], tested: Scored) -> dict[str, dict[str, Group]]:
    rows = [row for each in tests for row in each.recordings]
    found = {}
    for field in _FIELDS:
        said = [getattr(row, field) for row in rows]
        values = sorted({value for value in said if value is not None})
        if len(values) > 1 or (values and field == "murmur_grade"):
            found[field] = {
                value: _group(tested, np.array([own == value for own in said], bool))
                for value in values
            }
    return found


def _group(tested: Scored, chosen: Bools) -> Group:
    own = tested.take(chosen)
    return Group(
        recordings=len(own),
        subjects=len(np.unique(own.subject)),
        accuracy=metrics.accuracy(own),
        uar=metrics.uar(own),
        auc=ranking.overall_auc(own),
    )


def _worst(tests: Sequence[Predictions], tested: Scored) -> tuple[Worst, ...]:
    """The surest mistakes, once per recording."""
    rows: list[Heard] = [row for each in tests for row in each.recordings]
    wrong = np.flatnonzero(~tested.right)
    surest = wrong[np.argsort(-tested.confidence[wrong], kind="stable")]
    seen: Counter[str] = Counter()
    found = []
    for place in surest.tolist():
        row = rows[place]
        seen[row.path] += 1
        if seen[row.path] > 1:
            continue
        given = zip(tested.labels, tested.decided[place].tolist(), strict=True)
        found.append(
            Worst(
                path=row.path,
                database=row.database,
                truth=row.truth,
                said=tuple(label for label, holds in given if holds),
                confidence=float(tested.confidence[place]),
                usable_windows=sum(row.usable),
                clear=row.clear,
            )
        )
        if len(found) == WORST:
            break
    return tuple(found)
