"""From which probability on a recording counts as abnormal, found on people who are not tested.

Where abnormal recordings are rare, or faint, the likeliest label misses many of them. The limit
that serves both labels alike is learnt as a temperature is: from the validation part.
"""

from collections.abc import Sequence

import numpy as np
from scipy import special

from models.errors import ConfigurationError
from training.evaluation.predictions import Predictions
from training.evaluation.scored import Floats, Scored, scored

_TINY = 1e-7


def best(validation: Scored) -> float:
    """The log-odds of the second label above which it is given so that the UAR is highest.

    Youden W. J., "Index for rating diagnostic tests", Cancer 3(1), 1950: his index is twice the
    UAR less 1. Between two recordings any limit is as good, so it is halfway; of several that are
    as good, the one nearest to even odds.

    Raises
    ------
    ConfigurationError
        If there are other than two labels that exclude each other, or one of them nobody has.
    """
    if not validation.exclusive or validation.truth.shape[1] != 2:
        raise ConfigurationError("a limit is sought between two labels that exclude each other")
    totals = validation.truth.sum(axis=0)
    if not totals.all():
        raise ConfigurationError("a limit is sought where a validation part has both labels")
    odds = _log_odds(validation)
    told, place = np.unique(odds, return_inverse=True)
    counts = np.zeros((len(told) + 1, 2))
    np.add.at(counts, place + 1, validation.truth)
    below = counts.cumsum(axis=0)
    uar = (below[:, 0] / totals[0] + 1 - below[:, 1] / totals[1]) / 2
    edges = np.concatenate([[told[0] - 1], (told[1:] + told[:-1]) / 2, [told[-1] + 1]])
    highest = edges[uar >= uar.max() - 1e-12]
    return float(highest[np.abs(highest).argmin()])


def moved(tested: Scored, limit: float) -> Scored:
    """The same order of recordings, with even odds where `limit` was."""
    second = special.expit(_log_odds(tested) - limit)
    return tested.with_probabilities(np.stack([1 - second, second], axis=1))


def at_limits(runs: Sequence[Predictions]) -> Scored | None:
    """All tests, each at the limit of its own training's validation; None where one has none."""
    tests = [each for each in runs if each.run.part == "test" and each.recordings]
    validations = {
        (each.run.seed, each.run.fold): scored([each])
        for each in runs
        if each.run.part == "validation" and each.recordings
    }
    whole = scored(tests)
    pairs = [(scored([each]), validations.get((each.run.seed, each.run.fold))) for each in tests]
    if not whole.exclusive or len(whole.labels) != 2:
        return None
    found: list[Floats] = []
    for tested, validation in pairs:
        if validation is None or not validation.truth.any(axis=0).all():
            return None
        found.append(moved(tested, best(validation)).probabilities)
    return whole.with_probabilities(np.concatenate(found))


def _log_odds(told: Scored) -> Floats:
    return np.asarray(special.logit(np.clip(told.probabilities[:, 1], _TINY, 1 - _TINY)))
