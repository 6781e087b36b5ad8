"""How right the decisions are: pure functions of `Scored`.

A label's figures are its own against the rest, so they also hold where labels concur. Where a
figure has nothing to count, it is NaN, never 0 or 1.
"""

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from training.evaluation.scored import Bools, Scored

Counts = npt.NDArray[np.int64]


class PerClass(msgspec.Struct, frozen=True, kw_only=True):
    """One label against the rest; sensitivity is another word for recall."""

    label: str
    recordings: int
    subjects: int
    precision: float
    recall: float
    specificity: float
    f1: float


class _Tally(NamedTuple):
    """Shape (k,) each: hits, false alarms, misses, and rightly not given."""

    tp: Counts
    fp: Counts
    fn: Counts
    tn: Counts


def accuracy(scored: Scored) -> float:
    """The share of which every label is right."""
    return _share(scored.right)


def recalls(scored: Scored) -> npt.NDArray[np.float64]:
    """Sensitivity of each label, shape (k,)."""
    tally = _tally(scored)
    return _ratio(tally.tp, tally.tp + tally.fn)


def precisions(scored: Scored) -> npt.NDArray[np.float64]:
    """The share of those given a label that have it, shape (k,)."""
    tally = _tally(scored)
    return _ratio(tally.tp, tally.tp + tally.fp)


def specificities(scored: Scored) -> npt.NDArray[np.float64]:
    """The share of those without a label that are not given it, shape (k,)."""
    tally = _tally(scored)
    return _ratio(tally.tn, tally.tn + tally.fp)


def f1_scores(scored: Scored) -> npt.NDArray[np.float64]:
    """2 tp / (2 tp + fp + fn) of each label that anyone has, shape (k,) (van Rijsbergen 1979)."""
    tally = _tally(scored)
    found = _ratio(2 * tally.tp, 2 * tally.tp + tally.fp + tally.fn)
    return np.where(tally.tp + tally.fn > 0, found, np.nan)


def uar(scored: Scored) -> float:
    """Unweighted average recall: each label counts the same, however rare.

    Schuller B., Steidl S., Batliner A., "The INTERSPEECH 2009 Emotion Challenge". Also called
    macro recall or balanced accuracy; for two labels it is the mean of sensitivity and
    specificity. Labels that nobody has are left out. Where labels may concur, each label's own
    mean of sensitivity and specificity is averaged, for giving all labels to all would else be
    perfect.
    """
    if scored.exclusive:
        return _mean(recalls(scored))
    return _mean((recalls(scored) + specificities(scored)) / 2)


def macro_f1(scored: Scored) -> float:
    """Mean of the labels' F1."""
    return _mean(f1_scores(scored))


def group_recalls(scored: Scored) -> npt.NDArray[np.float64]:
    """Recall of each label, averaged over its source groups: shape (k,).

    A group of 120 near-duplicates counts as much as one of two, so that nobody earns by
    recognising the one large source.
    """
    _, group = np.unique(scored.subject, return_inverse=True)
    hit = scored.decided & scored.truth
    found = np.empty(len(scored.labels))
    for place in range(len(scored.labels)):
        own = group[scored.truth[:, place]]
        sizes = np.bincount(own, minlength=group.max() + 1)
        hits = np.bincount(group[hit[:, place]], minlength=group.max() + 1)
        found[place] = _mean(_ratio(hits, sizes))
    return found


def group_recall(scored: Scored) -> float:
    """Recall averaged over source groups, then labels."""
    return _mean(group_recalls(scored))


def challenge_score(scored: Scored, abnormal: str = "abnormal") -> float:
    """MAcc of the PhysioNet/CinC Challenge 2016, in the form of its official phase.

    Sensitivity and specificity are each a weighted mean over clean and unclear recordings (Liu C.
    et al., Physiol. Meas. 37(12):2181, 2016; Clifford G. et al., CinC 2016), and MAcc is the mean
    of both::

        Se = wa1 Aa1 / (Aa1 + Aq1 + An1) + wa2 (Aa2 + Aq2) / (Aa2 + Aq2 + An2)
        Sp = wn1 Nn1 / (Na1 + Nq1 + Nn1) + wn2 (Nn2 + Nq2) / (Na2 + Nq2 + Nn2)

    The first letter is the truth, the second the answer (a, n, or q for unsure), 1 is clean and 2
    unclear; a weight is that quality's share of its truth, here among the recordings tested (the
    organisers' own came from their hidden set, which is not public). To pass is right on an
    unclear recording and wrong on a clean one. Here a recording is passed where no window of it is
    usable. Where nothing is passed the weights cancel: it equals the mean of sensitivity and
    specificity, the UAR.
    """
    place = scored.labels.index(abnormal)
    truth, said = scored.truth[:, place], scored.decided[:, place]
    parts = []
    for value in (True, False):
        own = truth == value
        answered = scored.answered[own]
        right = (said[own] == value) & answered
        right |= ~answered & ~scored.clear[own]
        # A share of each quality, weighted by the quality's share, is the share of all.
        parts.append(_share(right))
    return _mean(np.array(parts))


def confusion(scored: Scored) -> Counts:
    """Shape (k, k): rows are the truth, columns what was decided; for exclusive labels."""
    size = len(scored.labels)
    cells = np.bincount(scored.actual * size + scored.predicted, minlength=size * size)
    return cells.reshape(size, size).astype(np.int64)


def per_class(scored: Scored) -> tuple[PerClass, ...]:
    rows = zip(
        scored.labels,
        precisions(scored).tolist(),
        recalls(scored).tolist(),
        specificities(scored).tolist(),
        f1_scores(scored).tolist(),
        strict=True,
    )
    return tuple(
        PerClass(
            label=label,
            recordings=int(scored.truth[:, place].sum()),
            subjects=len(np.unique(scored.subject[scored.truth[:, place]])),
            precision=precision,
            recall=recall,
            specificity=specificity,
            f1=f1,
        )
        for place, (label, precision, recall, specificity, f1) in enumerate(rows)
    )


def _tally(scored: Scored) -> _Tally:
    truth, decided = scored.truth, scored.decided
    return _Tally(
        tp=(truth & decided).sum(axis=0),
        fp=(~truth & decided).sum(axis=0),
        fn=(truth & ~decided).sum(axis=0),
        tn=(~truth & ~decided).sum(axis=0),
    )


def _ratio(part: Counts, whole: Counts) -> npt.NDArray[np.float64]:
    known = np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
    return np.asarray(known, np.float64)


def _mean(values: npt.NDArray[np.float64]) -> float:
    """Of those that could be counted."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _share(hits: Bools) -> float:
    return float(hits.mean()) if len(hits) else float("nan")
