import numpy as np
import numpy.typing as npt
import pytest

from models.quality import Assessment
from training.datasets.recordings import Recording
from training.evaluate import (
    Judged,
    auc,
    auc_of_database_name,
    auc_within_databases,
    comparable,
    macc,
    measured,
    of_recordings,
    of_windows,
    sensitivity,
    specificity,
)
from training.windows import WindowSet


def judged(abnormal: list[int], score: list[float], database: list[str] | None = None) -> Judged:
    return Judged(
        abnormal=np.array(abnormal, bool),
        score=np.array(score),
        subject=np.array([f"person {number}" for number in range(len(score))]),
        database=np.array(database or ["one"] * len(score)),
    )


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
    assert auc(judged([0, 0, 1, 1], score)) == area


def test_without_both_labels_there_is_no_area() -> None:
    assert np.isnan(auc(judged([0, 0], [0.1, 0.2])))


def test_sensitivity_and_specificity_are_counted_at_one_half() -> None:
    found = judged([0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.5, 0.5, 0.4])
    assert sensitivity(found) == 0.5
    assert specificity(found) == 0.75
    assert macc(found) == 0.625


def by_database(score: list[float]) -> Judged:
    truth = [0] * 15 + [1] * 5 + [0] * 5 + [1] * 15
    return judged(truth, score, ["one"] * 20 + ["two"] * 20)


def test_knowing_the_database_earns_nothing_within_databases() -> None:
    found = by_database([0.2] * 20 + [0.8] * 20)
    assert auc(found) == 0.75
    assert auc_of_database_name(found) == 0.75
    assert auc_within_databases(found) == 0.5


def test_hearing_the_heart_earns_all_within_databases() -> None:
    found = by_database([0.1] * 15 + [0.2] * 5 + [0.8] * 5 + [0.9] * 15)
    assert auc_within_databases(found) == 1.0


def test_a_database_with_too_few_of_a_label_is_not_compared() -> None:
    found = judged([1] * 4 + [0] * 20, [0.9] * 4 + [0.1] * 20)
    assert not len(comparable(found).abnormal)
    assert "auc_within_databases" not in measured(found)
    enough = judged([1] * 5 + [0] * 20, [0.9] * 5 + [0.1] * 20)
    assert measured(enough)["auc_within_databases"].value == 1.0


def test_every_measure_lies_in_its_interval() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    found = judged(truth.tolist(), (0.3 * truth + rng.uniform(0, 0.7, 200)).tolist())
    for metric in measured(found).values():
        assert metric.low <= metric.value <= metric.high


def test_one_person_with_many_recordings_widens_the_interval() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.integers(0, 2, 40), 10)
    score = 0.3 * truth + np.repeat(rng.uniform(0, 0.7, 40), 10)
    many = judged(truth.tolist(), score.tolist())
    few = many._replace(subject=np.repeat([f"person {number}" for number in range(40)], 10))

    def width(found: Judged) -> float:
        metric = measured(found)["auc"]
        return metric.high - metric.low

    assert width(few) > 2 * width(many)


def window_set(usable: list[bool]) -> WindowSet:
    """Two recordings, of three windows and of two."""
    verdicts = [
        Assessment(score=float(good), verdict="good" if good else "unusable", reasons=())
        for good in usable
    ]
    records = tuple(
        Recording(path=name, labels=(label,), subject=name, database="one")
        for name, label in (("a", "normal"), ("b", "abnormal"))
    )
    return WindowSet(
        recordings=records,
        blocks=np.zeros((7, 2), np.float32),
        first_block=np.array([0, 1, 2, 4, 5]),
        recording=np.array([0, 0, 0, 1, 1]),
        quality=tuple(verdicts),
    )


SCORE: npt.NDArray[np.float64] = np.array([0.0, 0.3, 0.6, 0.5, 0.9])


def test_a_recordings_score_is_the_mean_of_its_usable_windows() -> None:
    found = of_recordings(window_set([True, True, False, False, False]), SCORE)
    assert found.score == pytest.approx([0.15, 0.7])
    assert found.abnormal.tolist() == [False, True]


def test_a_window_carries_the_truth_of_its_recording() -> None:
    found = of_windows(window_set([True] * 5), SCORE)
    assert found.score is SCORE
    assert found.abnormal.tolist() == [False, False, False, True, True]
    assert found.subject.tolist() == ["a", "a", "a", "b", "b"]
