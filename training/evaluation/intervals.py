"""How far a figure might be off: other people, other seeds."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import Metric
from training.evaluation.scored import Scored

DRAWS = 1000

Measure = Callable[[Scored], float]


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Mean and standard deviation (of a sample, n - 1) over repetitions."""

    mean: float
    deviation: float
    repetitions: int


def with_intervals(
    scored: Scored, measures: Mapping[str, Measure], *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Metric]:
    """Each measure with its 95 % percentile interval from drawing subjects anew.

    Whole subjects, or source groups, are drawn with replacement, as many as there are, for one
    person's recordings are no independent evidence (Davison A., Hinkley D., "Bootstrap Methods and
    Their Application", 1997, section 3.8). Who is drawn twice counts as two people.
    """
    values = np.full((draws, len(measures)), np.nan)
    draw = np.random.default_rng(seed)
    of_subject = _by_subject(scored.subject)
    for row in values:
        again = redrawn(scored, of_subject, draw)
        row[:] = [measure(again) for measure in measures.values()]
    return {
        name: _metric(measure(scored), values[:, place])
        for place, (name, measure) in enumerate(measures.items())
    }


def redrawn(
    scored: Scored, of_subject: list[npt.NDArray[np.int64]], draw: np.random.Generator
) -> Scored:
    """As many subjects again, each draw of one a subject of its own."""
    drawn = draw.integers(len(of_subject), size=len(of_subject))
    chosen = [of_subject[one] for one in drawn]
    names = np.repeat(np.arange(len(chosen)).astype(str), [len(own) for own in chosen])
    return replace(scored.take(np.concatenate(chosen)), subject=names)


def spread(values: list[float]) -> Spread:
    known = np.array(values, np.float64)
    deviation = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
    return Spread(mean=float(known.mean()), deviation=deviation, repetitions=len(known))


def _by_subject(subject: npt.NDArray[np.str_]) -> list[npt.NDArray[np.int64]]:
    _, owner = np.unique(subject, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)


def _metric(value: float, values: npt.NDArray[np.float64]) -> Metric:
    known = values[np.isfinite(values)]
    if not len(known):
        return Metric(value=value, low=float("nan"), high=float("nan"))
    low, high = np.percentile(known, [2.5, 97.5]).tolist()
    return Metric(value=value, low=low, high=high)
