"""Whether what a model sees or says has moved away from what it was validated on.

The artifact carries deciles of its probabilities, levels and qualities on the validation set
(`ModelContract.reference`). Here new values are held against them, with no memory and no clock:
who counts them, and over which time, decides the caller.
"""

import math
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import Distribution
from models.errors import SignalError

Verdict = Literal["too few", "stable", "moved", "drifted"]

MOVED, DRIFTED = 0.1, 0.25
"""Indices from which on a distribution may have moved, and has."""

_FEWEST = 100
_PART = 0.5  # of a value, in each bin: an empty bin is not infinitely unlikely


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How far `values` new ones are from the reference.

    `by_chance` is what as many values of the reference itself give on average.
    """

    values: int
    stability_index: float
    by_chance: float
    verdict: Verdict


def population_stability(reference: Distribution, values: npt.NDArray[np.floating]) -> float:
    """Population stability index: 0 for the reference's own distribution, without upper bound.

    ``sum((new - old) * log(new / old))`` over the bins between the reference's deciles, of which
    the outer two are open (Kullback and Leibler's symmetric divergence; the name and the usual
    limits of 0.1 and 0.25 are from Siddiqi N., "Credit Risk Scorecards", 2006). Where deciles
    coincide, as of probabilities that are often exactly 0, their bins are one. Each bin counts
    half a value more than it has.

    Parameters
    ----------
    values
        Shape (n,), of the reference's unit.

    Raises
    ------
    SignalError
        If there are none, some are not finite, or the reference has no deciles.

    Examples
    --------
    >>> even = Distribution(deciles=tuple(k / 10 for k in range(11)))
    >>> round(population_stability(even, (np.arange(1000) + 0.5) / 1000), 6)
    0.0
    """
    edges, old = _bins(reference)
    if not values.size or not np.isfinite(values).all():
        raise SignalError(f"{values.size} values: drift needs some, and all of them finite")
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(old))
    new = (counts + _PART) / (values.size + _PART * len(old))
    return float(np.sum((new - old) * np.log(new / old)))


def drift(reference: Distribution, values: npt.NDArray[np.floating]) -> Drift:
    """The index, what chance alone gives, and a word for it.

    Under no drift the index times n is about chi-square with one less degree of freedom than there
    are bins, so its mean is (bins - 1) / n; the limits are raised by that much.
    """
    index = population_stability(reference, values)
    _, old = _bins(reference)
    by_chance = (len(old) - 1) / values.size
    return Drift(
        values=int(values.size),
        stability_index=index,
        by_chance=by_chance,
        verdict=_verdict(index - by_chance, int(values.size)),
    )


def _verdict(index: float, values: int) -> Verdict:
    if values < _FEWEST:
        return "too few"
    if index < MOVED:
        return "stable"
    return "moved" if index < DRIFTED else "drifted"


def _bins(
    reference: Distribution,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Upper edges of all bins but the last, and the share that the reference has in each."""
    deciles = reference.deciles
    if len(deciles) < 3 or any(math.isnan(each) for each in deciles):
        raise SignalError(f"a reference of {len(deciles)} deciles: drift needs at least three")
    last = len(deciles) - 1
    # Of an edge that repeats, the last place counts: so many of the reference are not above it.
    below = {edge: place / last for place, edge in enumerate(deciles)}
    edges = [edge for edge, share in sorted(below.items()) if 0 < share < 1]
    shares = np.diff([0.0, *(below[edge] for edge in edges), 1.0])
    return np.array(edges, np.float64), shares
