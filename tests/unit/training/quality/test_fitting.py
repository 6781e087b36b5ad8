import numpy as np
import pytest
from scipy import special

from models.quality_indices import INDICES
from training.quality.fitting import calibrated, fit, knots_of, logistic

COUNT = 4000


def material(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices of which the first raises the chance and the second lowers it."""
    draw = np.random.default_rng(seed)
    indices = draw.normal(0, 1, (COUNT, len(INDICES)))
    chance = special.expit(2 * indices[:, 0] - indices[:, 1])
    return indices, (draw.random(COUNT) < chance).astype(np.float64)


def fitted(directions: dict[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    indices, target = material()
    wanted = [(directions or {}).get(k, 0) for k in range(len(INDICES))]
    model = fit(
        indices,
        target,
        np.ones(COUNT),
        penalty=[1.0] * len(INDICES),
        usual=np.zeros(len(INDICES)),
        directions=wanted,
    )
    return np.array([curve.values for curve in model.curves]), model.probability(
        model.parts(indices)
    )


def test_curves_follow_what_made_the_labels() -> None:
    values, probability = fitted()
    indices, _ = material()
    assert np.all(np.diff(values[0]) > 0)
    assert np.all(np.diff(values[1]) < 0)
    assert np.abs(values[2:]).max() < 0.7
    expected = special.expit(2 * indices[:, 0] - indices[:, 1])
    assert np.mean(np.abs(probability - expected)) < 0.04


def test_a_curve_never_goes_against_its_direction() -> None:
    values, _ = fitted({0: -1, 1: -1, 2: 1})
    assert np.ptp(values[0]) == 0
    assert np.all(np.diff(values[1]) <= 0)
    assert np.all(np.diff(values[2]) >= 0)


def test_a_calibrated_model_claims_what_comes_true() -> None:
    indices, target = material()
    model = fit(
        indices,
        target,
        np.ones(COUNT),
        penalty=[1.0] * len(INDICES),
        usual=np.zeros(len(INDICES)),
    )
    rarer = np.where(np.random.default_rng(1).random(COUNT) < 0.3, target, 0.0)
    mended = calibrated(model, indices, rarer, np.ones(COUNT))
    probability = mended.probability(mended.parts(indices))
    assert probability.mean() == pytest.approx(rarer.mean(), abs=0.005)


def test_weights_count() -> None:
    column = np.array([[0.0], [0.0], [1.0], [1.0]])
    target = np.array([0.0, 1.0, 0.0, 1.0])
    (slope,), bias = logistic(column, target, np.array([1.0, 1.0, 1.0, 3.0]), penalty=np.zeros(1))
    assert bias == pytest.approx(0, abs=1e-6)
    assert slope == pytest.approx(np.log(3), abs=1e-6)


def test_knots_are_distinct_and_rise() -> None:
    indices = np.zeros((100, 2))
    indices[:, 0] = np.arange(100)
    indices[50:, 1] = 1
    rising, stepping = knots_of(indices)
    assert len(rising) == 6
    assert stepping.tolist() == [0, 1]
