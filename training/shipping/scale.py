"""How logits are scaled so that a recording's probabilities come true as often as they say."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from models.errors import ConfigurationError
from training.export import Scale
from training.shipping.listening import Judged

_TEMPERATURES = (0.05, 20.0)
_FURTHEST = 10.0  # that a label may be moved, in logits
_TINY = 1e-7

Numbers = npt.NDArray[np.float64]


def fit(judged: Sequence[Judged], *, exclusive: bool) -> Scale:
    """The temperature, and each label's offset, that make the log loss of recordings least.

    Guo C. et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2, but for two
    things. A recording's probability is the mean of its usable windows', as `models.classify` has
    it, so windows are scaled and recordings are judged. And of labels that exclude each other each
    counts the same, however rare, and may be moved against the others: so even odds are where both
    are served alike, and not where a data set's own mixture put them.

    Parameters
    ----------
    judged
        Of recordings that were not trained on.

    Raises
    ------
    ConfigurationError
        If there are none.
    """
    if not sum(len(each.truth) for each in judged):
        raise ConfigurationError("a scale needs recordings that were not trained on")
    labels = judged[0].truth.shape[1]
    totals = sum(each.truth.sum(axis=0) for each in judged)
    weights = 1 / np.maximum(totals, 1) if exclusive else np.ones(labels)
    moved = labels - 1 if exclusive and np.all(totals) else 0  # the first stays where it is
    limits = np.array([np.log(_TEMPERATURES), *[(-_FURTHEST, _FURTHEST)] * moved])

    def loss(x: Numbers) -> float:
        return _loss(judged, _scale(x, labels), weights, exclusive=exclusive)

    bounds = optimize.Bounds(limits[:, 0], limits[:, 1])
    found = optimize.minimize(loss, np.zeros(1 + moved), bounds=bounds, method="L-BFGS-B")
    return _scale(found.x, labels)


def _scale(x: Numbers, labels: int) -> Scale:
    offsets = np.concatenate([[0.0], x[1:]]) if len(x) == labels > 1 else np.empty(0)
    return Scale(float(np.exp(x[0])), tuple(offsets.tolist()))


def _loss(judged: Sequence[Judged], scale: Scale, weights: Numbers, *, exclusive: bool) -> float:
    """In nats, the weighted mean over recordings; of labels that concur, over these too."""
    losses, counts = [], []
    for each in judged:
        logits = each.logits / scale.temperature + np.array(scale.offsets or 0.0)
        given = special.softmax(logits, axis=1) if exclusive else special.expit(logits)
        kept = np.clip(_of_recordings(given, each), _TINY, 1 - _TINY)
        apart = -np.log(np.where(each.truth, kept, 1 - kept))
        counted = np.where(each.truth, weights, 0.0) if exclusive else np.ones_like(apart)
        losses.append(apart * counted)
        counts.append(counted)
    return float(np.concatenate(losses).sum() / np.concatenate(counts).sum())


def _of_recordings(given: Numbers, each: Judged) -> Numbers:
    """As `models.classify.overall`, of all recordings at once."""
    count = len(each.truth)
    usable = np.bincount(each.owner, weights=each.usable, minlength=count) > 0
    counts = np.where(usable[each.owner], each.usable, 1.0)
    total = np.zeros((count, given.shape[1]))
    np.add.at(total, each.owner, given * counts[:, None])
    weight = np.bincount(each.owner, weights=counts, minlength=count)
    return np.asarray(total / weight[:, None])
