"""Tests that somebody could have run, small enough to count by hand."""

from collections.abc import Sequence

import numpy as np

from training.datasets.recordings import Recording
from training.evaluation.predictions import Predictions, Run, heard
from training.evaluation.scored import Scored

SCREEN = ("normal", "abnormal")


def scored(
    truth: Sequence[int],
    probabilities: Sequence[Sequence[float]] | Sequence[float],
    *,
    labels: tuple[str, ...] = SCREEN,
    subject: Sequence[str] | None = None,
    database: Sequence[str] | None = None,
) -> Scored:
    """`truth` as places of labels; of two labels, only the second's probabilities are given."""
    given = np.array(probabilities, float)
    if given.ndim == 1:
        given = np.stack([1 - given, given], axis=1)
    size = len(truth)
    return Scored(
        labels=labels,
        exclusive=True,
        truth=np.array(truth)[:, None] == np.arange(len(labels)),
        probabilities=given,
        subject=np.array(subject or [f"s{k}" for k in range(size)]),
        database=np.array(database or ["one"] * size),
        clear=np.ones(size, bool),
        answered=np.ones(size, bool),
    )


def decided(truth: Sequence[int], said: Sequence[int], labels: tuple[str, ...] = SCREEN) -> Scored:
    """Each decision with a probability of 0.8."""
    rest = 0.2 / (len(labels) - 1)
    rows = [[0.8 if k == place else rest for k in range(len(labels))] for place in said]
    return scored(truth, rows, labels=labels)


def predictions(
    abnormal: Sequence[float],
    truth: Sequence[int],
    *,
    run: Run | None = None,
    recordings: Sequence[Recording] | None = None,
) -> Predictions:
    """Two windows a recording, 0.1 below and above the given probability."""
    records = recordings or [
        Recording(path=f"r{k}.wav", labels=(SCREEN[label],), subject=f"s{k}", database="one")
        for k, label in enumerate(truth)
    ]
    rows = []
    for record, label, value in zip(records, truth, abnormal, strict=True):
        high = np.array([value - 0.1, value + 0.1], np.float32)
        windows = np.stack([1 - high, high], axis=1)
        rows.append(heard(record, (SCREEN[label],), windows, np.ones(2, bool)))
    return Predictions(run=run or RUN, recordings=tuple(rows))


RUN = Run(
    data_set="physionet2016",
    protocol="physionet2016",
    leaks=False,
    model="made",
    version="1.0.0",
    labels=SCREEN,
)
