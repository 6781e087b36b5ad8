from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.evaluation.made import decided, scored
from training.evaluation import metrics

FIVE = ("AS", "MR", "MS", "MVP", "N")


def test_two_labels_by_hand() -> None:
    """Of six ill ones four are found; of four healthy ones three are left alone."""
    found = decided([1] * 6 + [0] * 4, [1, 1, 1, 1, 0, 0, 0, 0, 0, 1])
    assert metrics.accuracy(found) == 0.7
    assert metrics.recalls(found) == pytest.approx([3 / 4, 4 / 6])
    assert metrics.precisions(found) == pytest.approx([3 / 5, 4 / 5])
    assert metrics.specificities(found) == pytest.approx([4 / 6, 3 / 4])
    assert metrics.f1_scores(found) == pytest.approx([6 / 9, 8 / 11])
    assert metrics.uar(found) == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert metrics.macro_f1(found) == pytest.approx((6 / 9 + 8 / 11) / 2)
    assert metrics.confusion(found).tolist() == [[3, 1], [2, 4]]


def test_the_printed_errors_of_work_a_give_its_printed_recalls() -> None:
    """SqueezeNet: 2 MS as MR, and 1 each AS as N, MVP as N, N as MVP, of 20 each."""
    truth = [label for label in range(5) for _ in range(20)]
    said = truth.copy()
    said[0], said[40], said[41], said[60], said[80] = 4, 1, 1, 4, 3
    found = decided(truth, said, FIVE)
    assert metrics.recalls(found) == pytest.approx([0.95, 1.0, 0.90, 0.95, 0.95])
    assert metrics.accuracy(found) == metrics.uar(found) == pytest.approx(0.95)


def test_a_label_that_nobody_has_is_not_averaged_in() -> None:
    found = decided([0, 0, 1], [0, 2, 1], ("a", "b", "c"))
    assert np.isnan(metrics.recalls(found)[2])
    assert metrics.uar(found) == pytest.approx((0.5 + 1) / 2)
    assert metrics.macro_f1(found) == pytest.approx((2 / 3 + 1) / 2)


def test_labels_that_concur_are_each_counted() -> None:
    found = replace(
        scored([0, 0], [[0.9, 0.6], [0.4, 0.1]], labels=("MR", "AS")),
        exclusive=False,
        truth=np.array([[True, True], [True, False]]),
    )
    assert found.decided.tolist() == [[True, True], [False, False]]
    assert metrics.accuracy(found) == 0.5
    assert metrics.recalls(found) == pytest.approx([0.5, 1.0])


def test_giving_all_labels_to_all_is_no_art() -> None:
    found = replace(
        scored([0, 0], [[0.9, 0.9], [0.9, 0.9]], labels=("MR", "AS")),
        exclusive=False,
        truth=np.array([[True, False], [False, True]]),
    )
    assert metrics.recalls(found).tolist() == [1.0, 1.0]
    assert metrics.uar(found) == 0.5


def test_a_large_source_group_counts_like_a_small_one() -> None:
    """Label a: group x (8 of 8 right), group y (0 of 2). Label b: z (3 of 4)."""
    truth = [0] * 10 + [1] * 4
    said = [0] * 8 + [1] * 2 + [1] * 3 + [0]
    found = replace(
        decided(truth, said, ("a", "b")), subject=np.array(["x"] * 8 + ["y"] * 2 + ["z"] * 4)
    )
    assert metrics.group_recalls(found) == pytest.approx([0.5, 0.75])
    assert metrics.group_recall(found) == pytest.approx(0.625)
    assert metrics.uar(found) == pytest.approx((0.8 + 0.75) / 2)


def test_a_group_that_spans_labels_counts_in_each() -> None:
    found = replace(decided([0, 1, 1], [0, 0, 1], ("a", "b")), subject=np.array(["x", "x", "y"]))
    assert metrics.group_recalls(found) == pytest.approx([1.0, 0.5])


def test_where_nothing_is_passed_the_challenge_score_is_the_uar() -> None:
    draw = np.random.default_rng(0)
    found = replace(
        decided(draw.integers(0, 2, 50).tolist(), draw.integers(0, 2, 50).tolist()),
        clear=draw.random(50) < 0.7,
    )
    assert metrics.challenge_score(found) == pytest.approx(metrics.uar(found))


def test_the_challenge_score_follows_the_published_formula() -> None:
    """Ill: 4 clean (2 found, 1 missed, 1 passed), 2 unclear (1 missed, 1 passed).

    Healthy: 3 clean (2 right, 1 passed), 1 unclear (passed).
    """
    found = replace(
        decided([1] * 6 + [0] * 4, [1, 1, 0, 1, 0, 1, 0, 0, 0, 1]),
        clear=np.array([True] * 4 + [False] * 2 + [True] * 3 + [False]),
        answered=np.array([1, 1, 1, 0, 1, 0, 1, 1, 0, 0], bool),
    )
    sensitivity = 4 / 6 * 2 / 4 + 2 / 6 * (0 + 1) / 2
    specificity = 3 / 4 * 2 / 3 + 1 / 4 * (0 + 1) / 1
    assert metrics.challenge_score(found) == pytest.approx((sensitivity + specificity) / 2)


def test_per_class_counts_recordings_and_groups() -> None:
    found = replace(decided([0, 0, 1], [0, 1, 1], ("a", "b")), subject=np.array(["x", "x", "y"]))
    first, second = metrics.per_class(found)
    assert (first.label, first.recordings, first.subjects) == ("a", 2, 1)
    assert (second.precision, second.recall, second.specificity) == (0.5, 1.0, 0.5)
