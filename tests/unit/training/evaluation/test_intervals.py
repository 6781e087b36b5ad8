from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.evaluation.made import decided
from training.evaluation import metrics
from training.evaluation.intervals import spread, with_intervals

ACCURACY = {"accuracy": metrics.accuracy}


def test_the_interval_of_a_share_is_the_binomials() -> None:
    """200 people, 80 % right: 1.96 standard errors of 0.0283 to each side."""
    found = decided([1] * 200, [1] * 160 + [0] * 40)
    metric = with_intervals(found, ACCURACY, draws=2000)["accuracy"]
    assert metric.value == 0.8
    assert metric.low == pytest.approx(0.8 - 1.96 * 0.0283, abs=0.012)
    assert metric.high == pytest.approx(0.8 + 1.96 * 0.0283, abs=0.012)


def test_one_person_with_many_recordings_widens_the_interval() -> None:
    """20 people of ten recordings each, of whom 16 are always right."""
    many = decided([1] * 200, [1] * 160 + [0] * 40)
    few = replace(many, subject=np.repeat([f"person {k}" for k in range(20)], 10))
    wide, narrow = (with_intervals(each, ACCURACY)["accuracy"] for each in (few, many))
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)


def test_the_same_seed_draws_the_same() -> None:
    found = decided([1] * 50, [1] * 30 + [0] * 20)
    once, again = (with_intervals(found, ACCURACY, draws=100, seed=3) for _ in range(2))
    assert once == again
    assert once != with_intervals(found, ACCURACY, draws=100, seed=4)


def test_a_source_group_that_is_drawn_twice_counts_twice() -> None:
    """One group of two is wrong: drawn twice, the recall by group is 0, not the mean of one."""
    found = replace(decided([0, 0], [0, 1], ("a", "b")), subject=np.array(["x", "y"]))
    metric = with_intervals(found, {"group": metrics.group_recall}, draws=400)["group"]
    assert (metric.value, metric.low, metric.high) == (0.5, 0.0, 1.0)


def test_what_is_never_countable_has_no_interval() -> None:
    metric = with_intervals(decided([0], [0]), {"none": lambda _: float("nan")}, draws=10)["none"]
    assert np.isnan([metric.value, metric.low, metric.high]).all()


def test_the_spread_is_that_of_a_sample() -> None:
    found = spread([0.7, 0.8, 0.9])
    assert [found.mean, found.deviation] == pytest.approx([0.8, 0.1])
    assert found.repetitions == 3
    assert np.isnan(spread([0.5]).deviation)
