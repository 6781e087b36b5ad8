"""How well probabilities sort, whatever the threshold: areas and curves."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from training.evaluation.scored import Bools, Floats, Scored

FEWEST = 5  # of either label, for a database to have a curve worth averaging

Comparable = dict[str, Bools]


class Curve(NamedTuple):
    """Receiver operating characteristic: shape (points,) each, from (0, 0) to (1, 1)."""

    false_alarm_rate: Floats
    sensitivity: Floats


def auc(truth: Bools, score: Floats) -> float:
    """The chance that a positive one scores higher than a negative one; a tie counts half.

    Hanley J., McNeil B., Radiology 143(1), 1982. NaN without both.
    """
    positive = int(truth.sum())
    negative = len(truth) - positive
    if not positive or not negative:
        return float("nan")
    ranks = stats.rankdata(score)[truth].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))


def label_aucs(scored: Scored) -> npt.NDArray[np.float64]:
    """Each label against the rest, shape (k,)."""
    pairs = zip(scored.truth.T, scored.probabilities.T, strict=True)
    return np.array([auc(truth, score) for truth, score in pairs])


def overall_auc(scored: Scored) -> float:
    """Of the second of two labels; of more, the mean of each against the rest."""
    if scored.exclusive and len(scored.labels) == 2:
        return auc(scored.truth[:, 1], scored.probabilities[:, 1])
    return _mean(label_aucs(scored))


def auc_against(scored: Scored, label: str, other: str) -> float:
    """Of one label against one other alone, by the first's probability.

    A lesion against healthy hearts, say, with all other lesions left out.
    """
    first, second = scored.labels.index(label), scored.labels.index(other)
    either = scored.truth[:, first] ^ scored.truth[:, second]
    return auc(scored.truth[either, first], scored.probabilities[either, first])


def auc_within_databases(scored: Scored, among: Comparable | None = None) -> float:
    """Mean of the databases' own areas: no credit for telling databases apart."""
    return _mean(np.array(list(database_aucs(scored, among).values())))


def database_aucs(scored: Scored, among: Comparable | None = None) -> dict[str, float]:
    """Area within each comparable database; of more than two labels, the mean of those that count.

    Parameters
    ----------
    among
        What `comparable` said of all; give it where a part is drawn from them, so that every draw
        is an average over the same databases.
    """
    among = comparable(scored) if among is None else among
    return {
        database: _mean(label_aucs(scored.take(scored.database == database))[labels])
        for database, labels in among.items()
    }


def comparable(scored: Scored, fewest: int = FEWEST) -> Comparable:
    """The databases that have so many recordings with a label and as many without; which labels."""
    found = {}
    for database in np.unique(scored.database).tolist():
        truth = scored.truth[scored.database == database]
        labels = np.minimum(truth.sum(axis=0), (~truth).sum(axis=0)) >= fewest
        if labels.any():
            found[database] = labels
    return found


def auc_of_database_name(scored: Scored) -> float:
    """What one gets who never listens: each database's share of a label as its score."""
    _, place = np.unique(scored.database, return_inverse=True)
    sizes = np.bincount(place)
    shares = [np.bincount(place, weights=truth) / sizes for truth in scored.truth.T]
    return overall_auc(scored.with_probabilities(np.array([share[place] for share in shares]).T))


def roc(truth: Bools, score: Floats) -> Curve:
    """One point per distinct score, as Fawcett T., Pattern Recognition Letters 27(8), 2006."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(truth[order])
    alarms = np.cumsum(~truth[order])
    last_of_ties = np.append(np.diff(score[order]) != 0, values=True)
    return Curve(
        false_alarm_rate=np.append(0.0, alarms[last_of_ties] / max(1, alarms[-1])),
        sensitivity=np.append(0.0, hits[last_of_ties] / max(1, hits[-1])),
    )


def _mean(values: npt.NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
