"""Whether a probability of 0.8 comes true eight times of ten, and how to mend it if not."""

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from training.evaluation.scored import Floats, Scored

BINS = 10
_TINY = 1e-7
_TEMPERATURES = (0.05, 20.0)


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of like confidence: what was claimed, and what came true."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(scored: Scored, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of equal width over 0 to 1; the empty ones are left out.

    For exclusive labels a decision is the likeliest label and its confidence is that label's
    probability. Labels that may concur are each taken as a decision of their own.
    """
    confidence, right = _claims(scored)
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    return tuple(
        Bin(
            low=k / bins,
            high=(k + 1) / bins,
            count=int((place == k).sum()),
            confidence=float(confidence[place == k].mean()),
            accuracy=float(right[place == k].mean()),
        )
        for k in np.unique(place).tolist()
    )


def expected_error(scored: Scored, bins: int = BINS) -> float:
    """ECE: the mean of |accuracy - confidence| over bins of equal width, by their counts.

    Guo C. et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    found = reliability(scored, bins)
    total = sum(each.count for each in found)
    return sum(each.count * abs(each.accuracy - each.confidence) for each in found) / total


def brier(scored: Scored) -> float:
    """Mean square of probability less truth, summed over labels (Brier 1950): 0 to 2.

    Exclusive labels are summed, as in the original; labels that may concur are averaged.
    """
    square = np.square(scored.probabilities - scored.truth)
    each = square.sum(axis=1) if scored.exclusive else square.mean(axis=1)
    return float(each.mean())


def log_loss(scored: Scored) -> float:
    """Mean of -log of the probability that was given to the truth, in nats."""
    return _loss(_logits(scored), scored, 1.0)


def temperature(validation: Scored) -> float:
    """The one number by which logits are divided so that the validation's log loss is least.

    Guo C. et al. 2017, section 4.2: it changes no decision. Above 1 the model was too sure. Fit it
    on recordings that are neither trained on nor tested.
    """
    logits = _logits(validation)
    found = optimize.minimize_scalar(
        lambda log_t: _loss(logits, validation, float(np.exp(log_t))),
        bounds=tuple(np.log(_TEMPERATURES)),
        method="bounded",
    )
    return float(np.exp(found.x))


def tempered(scored: Scored, by: float) -> Scored:
    """The same decisions with their probabilities at another temperature."""
    return scored.with_probabilities(_at(_logits(scored), scored, by))


def _claims(scored: Scored) -> tuple[Floats, npt.NDArray[np.bool_]]:
    if scored.exclusive:
        return scored.confidence, scored.right
    given = scored.decided
    confidence = np.where(given, scored.probabilities, 1 - scored.probabilities)
    return confidence.ravel(), (given == scored.truth).ravel()


def _logits(scored: Scored) -> Floats:
    kept = np.clip(scored.probabilities.astype(np.float64), _TINY, 1 - _TINY)
    return np.asarray(np.log(kept) if scored.exclusive else special.logit(kept))


def _at(logits: Floats, scored: Scored, by: float) -> Floats:
    if scored.exclusive:
        return np.asarray(special.softmax(logits / by, axis=1))
    return np.asarray(special.expit(logits / by))


def _loss(logits: Floats, scored: Scored, by: float) -> float:
    given = np.clip(_at(logits, scored, by), _TINY, 1 - _TINY)
    if scored.exclusive:
        return float(-np.log(given[scored.truth]).mean())
    return float(-np.log(np.where(scored.truth, given, 1 - given)).mean())
