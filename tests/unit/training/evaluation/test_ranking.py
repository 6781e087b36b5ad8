import numpy as np
import pytest

from tests.unit.training.evaluation.made import scored
from training.evaluation import ranking
from training.evaluation.intervals import redrawn


@pytest.mark.parametrize(
    ("score", "area"),
    [
        ([0.1, 0.2, 0.8, 0.9], 1.0),
        ([0.9, 0.8, 0.2, 0.1], 0.0),
        ([0.5, 0.5, 0.5, 0.5], 0.5),
        ([0.1, 0.8, 0.2, 0.9], 0.75),
        ([0.1, 0.5, 0.5, 0.9], 0.875),
    ],
)
def test_the_area_is_the_share_of_pairs_in_the_right_order(score: list[float], area: float) -> None:
    assert ranking.auc(np.array([0, 0, 1, 1], bool), np.array(score)) == area


def test_the_area_below_the_curve_is_the_area() -> None:
    draw = np.random.default_rng(0)
    truth = draw.random(300) < 0.3
    score = np.round(truth * 0.3 + draw.random(300), 1)  # many ties
    curve = ranking.roc(truth, score)
    below = np.trapezoid(curve.sensitivity, curve.false_alarm_rate)
    assert below == pytest.approx(ranking.auc(truth, score))
    assert (curve.false_alarm_rate[0], curve.sensitivity[0]) == (0, 0)
    assert (curve.false_alarm_rate[-1], curve.sensitivity[-1]) == (1, 1)


def test_without_both_there_is_no_area() -> None:
    assert np.isnan(ranking.auc(np.zeros(3, bool), np.ones(3)))


def test_of_more_than_two_labels_each_is_held_against_the_rest() -> None:
    found = scored(
        [0, 1, 2, 2],
        [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6], [0.3, 0.5, 0.2]],
        labels=("a", "b", "c"),
    )
    assert ranking.label_aucs(found).tolist() == [1.0, 1.0, 1.0]
    assert ranking.overall_auc(found) == 1.0


def test_a_lesion_against_healthy_hearts_leaves_other_lesions_out() -> None:
    found = scored(
        [0, 0, 1, 2],
        [[0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.5, 0.2, 0.3], [0.4, 0.1, 0.5]],
        labels=("MR", "AS", "N"),
    )
    assert ranking.auc_against(found, "MR", "N") == 0.5
    assert ranking.label_aucs(found)[0] == 0.5
    assert ranking.auc_against(found, "AS", "N") == 1.0
    assert ranking.label_aucs(found)[1] == pytest.approx(1 / 3)


def test_knowing_the_database_earns_nothing_within_databases() -> None:
    truth = [0] * 15 + [1] * 5 + [0] * 5 + [1] * 15
    database = ["one"] * 20 + ["two"] * 20
    found = scored(truth, [0.2] * 20 + [0.8] * 20, database=database)
    assert ranking.overall_auc(found) == 0.75
    assert ranking.auc_of_database_name(found) == 0.75
    assert ranking.auc_within_databases(found) == 0.5


def test_a_database_with_too_few_of_a_label_is_not_compared() -> None:
    found = scored([1] * 4 + [0] * 20, [0.9] * 4 + [0.1] * 20)
    assert ranking.database_aucs(found) == {}
    enough = scored([1] * 5 + [0] * 20, [0.9] * 5 + [0.1] * 20)
    assert ranking.database_aucs(enough) == {"one": 1.0}


def test_every_draw_averages_the_same_databases() -> None:
    """A database that is comparable by one recording stays in, whoever is drawn."""
    truth = [1] * 5 + [0] * 20 + [1] * 10 + [0] * 10
    found = scored(truth, [0.5] * 25 + [0.9] * 10 + [0.1] * 10, database=["x"] * 25 + ["y"] * 20)
    among = ranking.comparable(found)
    draw = np.random.default_rng(0)
    each = [np.array([k]) for k in range(len(truth))]
    for _ in range(50):
        again = redrawn(found, each, draw)
        assert ranking.auc_within_databases(again, among) == pytest.approx(0.75)
