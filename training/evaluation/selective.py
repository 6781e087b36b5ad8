"""What is gained where the model may pass: the error among those that it is surest of."""

from typing import NamedTuple

import numpy as np

from training.evaluation.scored import Floats, Scored


class RiskCoverage(NamedTuple):
    """Shape (n,) each: among the surest share `coverage`, the share `risk` is wrong."""

    coverage: Floats
    risk: Floats


def risk_coverage(scored: Scored) -> RiskCoverage:
    """Answer the surest first, one more at each point.

    El-Yaniv R., Wiener Y., "On the Foundations of Noise-free Selective Classification", JMLR 11,
    2010. Where several are as sure, each counts as their mean, so that the order of the files
    changes nothing.
    """
    _, tie, sizes = np.unique(-scored.confidence, return_inverse=True, return_counts=True)
    wrong = np.bincount(tie, weights=~scored.right) / sizes
    sorted_wrong = np.repeat(wrong, sizes)
    answered = np.arange(1, len(scored) + 1)
    return RiskCoverage(
        coverage=answered / len(scored), risk=np.asarray(np.cumsum(sorted_wrong) / answered)
    )


def area(scored: Scored) -> float:
    """AURC: the mean risk over all coverages; less is better, and 0 is never wrong.

    Geifman Y., Uziel G., El-Yaniv R., "Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers", ICLR 2019.
    """
    return float(risk_coverage(scored).risk.mean())
