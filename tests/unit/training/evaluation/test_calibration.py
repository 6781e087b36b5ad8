from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.evaluation.made import scored
from training.evaluation import calibration


def test_the_expected_error_by_hand() -> None:
    """Four at 0.75 of which two are right, six at 0.95 of which all are."""
    found = scored([1, 1, 0, 0, *[1] * 6], [0.75] * 4 + [0.95] * 6)
    low, high = calibration.reliability(found)
    assert (low.low, low.count, low.accuracy) == (0.7, 4, 0.5)
    assert (high.low, high.count, high.accuracy) == (0.9, 6, 1.0)
    assert [low.confidence, high.confidence] == pytest.approx([0.75, 0.95])
    assert calibration.expected_error(found) == pytest.approx(0.4 * 0.25 + 0.6 * 0.05)


def test_certainty_falls_into_the_last_bin() -> None:
    (only,) = calibration.reliability(scored([1, 1], [1.0, 0.91]))
    assert (only.low, only.high, only.count) == (0.9, 1.0, 2)


def test_brier_and_log_loss_by_hand() -> None:
    found = scored([1, 0], [0.8, 0.4])
    assert calibration.brier(found) == pytest.approx((2 * 0.2**2 + 2 * 0.4**2) / 2)
    assert calibration.log_loss(found) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)


def test_a_wrong_certainty_is_not_infinitely_bad() -> None:
    assert calibration.log_loss(scored([0], [1.0])) == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize("by", [0.5, 3.0])
def test_the_temperature_that_was_applied_is_found_again(by: float) -> None:
    draw = np.random.default_rng(0)
    honest = draw.random(20_000)
    truth = (draw.random(20_000) < honest).astype(int)
    distorted = calibration.tempered(scored(truth.tolist(), honest.tolist()), 1 / by)
    assert calibration.temperature(distorted) == pytest.approx(by, rel=0.05)
    mended = calibration.tempered(distorted, calibration.temperature(distorted))
    assert calibration.expected_error(mended) < 0.02 < calibration.expected_error(distorted)


def test_a_temperature_changes_no_decision() -> None:
    draw = np.random.default_rng(0)
    given = draw.dirichlet(np.ones(5), size=200).tolist()
    found = scored(draw.integers(0, 5, 200).tolist(), given, labels=("a", "b", "c", "d", "e"))
    after = calibration.tempered(found, 4.0)
    assert (after.predicted == found.predicted).all()
    assert after.probabilities.sum(axis=1) == pytest.approx(np.ones(200))


def test_labels_that_concur_are_tempered_each_by_itself() -> None:
    found = replace(
        scored([0], [[0.9, 0.2]], labels=("MR", "AS")),
        exclusive=False,
        truth=np.array([[True, False]]),
    )
    odds = calibration.tempered(found, 2.0).probabilities[0]
    assert odds / (1 - odds) == pytest.approx(np.sqrt([9.0, 0.25]))
    assert [each.count for each in calibration.reliability(found)] == [1, 1]
