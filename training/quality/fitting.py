"""Fit additive models: a piecewise straight curve per index, by penalised logistic regression."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, special

from models.quality_indices import INDICES
from models.quality_model import Additive, Curve

Numbers = npt.NDArray[np.float64]

_KNOTS = (0.01, 0.2, 0.4, 0.6, 0.8, 0.99)  # quantiles of what is learnt from
_DIGITS = 4
_RIDGE = 1e-9
_MOST_STEPS = 50
_SETTLED = 1e-7


def fit(
    indices: Numbers,
    target: Numbers,
    weight: Numbers,
    *,
    penalty: Sequence[float],
    usual: Numbers,
    directions: Sequence[int] = (0,) * len(INDICES),
) -> Additive:
    """Learn P(target) from indices.

    Parameters
    ----------
    indices
        Shape (n, `INDICES`).
    target
        Shape (n,), 0 to 1.
    weight
        Shape (n,).
    penalty
        Of each index: on the squares of its curve's steps from knot to knot.
    usual
        Shape (`INDICES`,): where the finished curves are 0.
    directions
        Of each index: 1 where its curve must never fall, -1 where it must never rise, else 0.
    """
    knots = knots_of(indices)
    columns = np.concatenate([_steps(indices[:, k], own) for k, own in enumerate(knots)], axis=1)
    signs = np.repeat(directions, [len(own) - 1 for own in knots])
    penalties = np.repeat(penalty, [len(own) - 1 for own in knots])
    weights, bias = logistic(columns, target, weight, penalty=penalties, directions=signs)
    curves = []
    for place, (own, steps) in enumerate(
        zip(knots, np.split(weights, np.cumsum([len(own) - 1 for own in knots])[:-1]), strict=True)
    ):
        heights = np.concatenate([[0.0], np.cumsum(steps)])
        at_usual = float(np.interp(usual[place], own, heights))
        bias += at_usual
        curves.append(
            Curve(
                index=INDICES[place],
                knots=tuple(own.tolist()),
                values=tuple((heights - at_usual).round(_DIGITS).tolist()),
            )
        )
    return Additive(bias=round(bias, _DIGITS), curves=tuple(curves))


def calibrated(model: Additive, indices: Numbers, target: Numbers, weight: Numbers) -> Additive:
    """Stretch and shift the logits so that the probabilities come true on these.

    Platt J., "Probabilistic outputs for support vector machines", 1999.
    """
    logit = model.bias + model.parts(indices).sum(axis=1)
    (stretch,), shift = logistic(logit[:, np.newaxis], target, weight, penalty=np.zeros(1))
    return Additive(
        bias=round(float(model.bias * stretch + shift), _DIGITS),
        curves=tuple(
            Curve(
                index=curve.index,
                knots=curve.knots,
                values=tuple((np.array(curve.values) * stretch).round(_DIGITS).tolist()),
            )
            for curve in model.curves
        ),
    )


def knots_of(indices: Numbers) -> Sequence[Numbers]:
    """Where each index's curve bends: distinct quantiles, rounded."""
    quantiles = np.quantile(indices, _KNOTS, axis=0).round(_DIGITS)
    return [np.unique(column) for column in quantiles.T]


def logistic(
    columns: Numbers,
    target: Numbers,
    weight: Numbers,
    *,
    penalty: Numbers,
    directions: npt.ArrayLike | None = None,
) -> tuple[Numbers, float]:
    """Weights and bias of least penalised log loss, each weight of the sign that is asked for.

    By Newton's method; each step solves its quadratic problem within the bounds.
    """
    signs = np.append(np.zeros(columns.shape[1]) if directions is None else directions, 0)
    bounds = (np.where(signs > 0, 0, -np.inf), np.where(signs < 0, 0, np.inf))
    penalties = np.append(penalty, 0) + _RIDGE
    design = np.concatenate([columns, np.ones((len(columns), 1))], axis=1)
    found = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        probability = special.expit(design @ found)
        slope = penalties * found - design.T @ (weight * (target - probability))
        curvature = (design * (weight * probability * (1 - probability))[:, np.newaxis]).T @ design
        root = np.linalg.cholesky(curvature + np.diag(penalties))
        aim = root.T @ found - linalg.solve_triangular(root, slope, lower=True)
        before, found = found, optimize.lsq_linear(root.T, aim, bounds, method="bvls").x
        if np.abs(found - before).max() < _SETTLED:
            break
    return found[:-1], float(found[-1])


def _steps(values: Numbers, knots: Numbers) -> Numbers:
    """How much of the way from each knot to the next is gone: shape (n, knots - 1)."""
    way = (values[:, np.newaxis] - knots[:-1]) / np.diff(knots)
    return np.clip(way, 0, 1)
