import numpy as np
import pytest

from tests.unit.training.evaluation.made import scored
from training.evaluation import selective


def test_the_surest_are_answered_first() -> None:
    """Right, right, wrong, right, in the order of confidence."""
    found = scored([1, 1, 0, 1], [0.7, 0.95, 0.8, 0.9])
    curve = selective.risk_coverage(found)
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert selective.area(found) == pytest.approx((1 / 3 + 1 / 4) / 4)


def test_the_order_of_equally_sure_ones_changes_nothing() -> None:
    truth, given = [1, 1, 0, 0], [0.9, 0.9, 0.9, 0.9]
    forwards = selective.risk_coverage(scored(truth, given))
    backwards = selective.risk_coverage(scored(truth[::-1], given))
    assert forwards.risk.tolist() == backwards.risk.tolist() == [0.5] * 4


def test_who_is_unsure_of_what_is_wrong_has_less_area() -> None:
    knows = scored([1] * 8 + [0] * 2, [0.9] * 8 + [0.6] * 2)
    guesses = scored([1] * 8 + [0] * 2, [0.6] * 8 + [0.9] * 2)
    assert selective.area(knows) < selective.area(guesses)
    assert np.isclose(selective.risk_coverage(knows).risk[-1], 0.2)
