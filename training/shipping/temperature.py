"""The one number that makes a recording's probabilities come true as often as they say."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from models.errors import ConfigurationError
from training.shipping.listening import Judged

_TEMPERATURES = (0.05, 20.0)
_TINY = 1e-7


def fit(judged: Sequence[Judged], *, exclusive: bool) -> float:
    """By which logits of windows are divided so that the log loss of recordings is least.

    Guo C. et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2, but for one
    thing: a recording's probability is the mean of its usable windows', as `models.classify` has
    it, so windows are divided and recordings are judged. Above 1 the net was too sure.

    Parameters
    ----------
    judged
        Of recordings that were not trained on.
    """
    if not sum(len(each.truth) for each in judged):
        raise ConfigurationError("a temperature needs recordings that were not trained on")
    found = optimize.minimize_scalar(
        lambda log_t: _loss(judged, float(np.exp(log_t)), exclusive=exclusive),
        bounds=tuple(np.log(_TEMPERATURES)),
        method="bounded",
    )
    return float(np.exp(found.x))


def _loss(judged: Sequence[Judged], by: float, *, exclusive: bool) -> float:
    """In nats, the mean over recordings; of labels that concur, over these too."""
    losses = []
    for each in judged:
        logits = each.logits / by
        given = special.softmax(logits, axis=1) if exclusive else special.expit(logits)
        kept = np.clip(_of_recordings(given, each), _TINY, 1 - _TINY)
        right = np.where(each.truth, kept, 1 - kept)
        losses.append(-np.log(right[each.truth] if exclusive else right.ravel()))
    return float(np.concatenate(losses).mean())


def _of_recordings(given: npt.NDArray[np.float64], each: Judged) -> npt.NDArray[np.float64]:
    """As `models.classify.overall`, of all recordings at once."""
    count = len(each.truth)
    usable = np.bincount(each.owner, weights=each.usable, minlength=count) > 0
    counts = np.where(usable[each.owner], each.usable, 1.0)
    total = np.zeros((count, given.shape[1]))
    np.add.at(total, each.owner, given * counts[:, None])
    weight = np.bincount(each.owner, weights=counts, minlength=count)
    return np.asarray(total / weight[:, None])
