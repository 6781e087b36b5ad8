from collections.abc import Sequence

import numpy as np
import pytest
from msgspec import structs

from models.errors import ConfigurationError
from tests.unit.training.evaluation.made import RUN, SCREEN, predictions, scored
from training.datasets.recordings import Recording
from training.evaluation import limits, metrics
from training.evaluation.predictions import Predictions
from training.evaluation.summary import evaluate
from training.splits.parts import PARTS


def test_the_limit_lies_halfway_between_the_labels() -> None:
    """Nobody normal above 0.2, nobody abnormal below 0.4."""
    found = scored([0, 0, 1, 1], [0.1, 0.2, 0.4, 0.45])
    limit = limits.best(found)
    assert limit == pytest.approx((np.log(0.2 / 0.8) + np.log(0.4 / 0.6)) / 2)
    assert (metrics.uar(found), metrics.uar(limits.moved(found, limit))) == (0.5, 1.0)


def test_no_other_limit_has_a_higher_uar() -> None:
    draw = np.random.default_rng(0)
    truth = (draw.random(300) < 0.2).astype(int)
    found = scored(truth.tolist(), (draw.random(300) * 0.6 + 0.2 * truth).tolist())
    best = metrics.uar(limits.moved(found, limits.best(found)))
    tried = [metrics.uar(limits.moved(found, limit)) for limit in np.linspace(-6, 6, 4001)]
    assert max(tried) == pytest.approx(best)


def test_recordings_that_are_told_alike_stay_together() -> None:
    """At 0.3 stand one normal and three abnormal: no limit parts them."""
    found = scored([0, 0, 1, 1, 1], [0.1, 0.3, 0.3, 0.3, 0.3])
    assert metrics.uar(limits.moved(found, limits.best(found))) == 0.75


def test_among_limits_as_good_the_nearest_to_even_odds_is_taken() -> None:
    limit = limits.best(scored([0, 1, 0, 1], [0.1, 0.2, 0.6, 0.7]))
    assert limit == pytest.approx((np.log(0.6 / 0.4) + np.log(0.7 / 0.3)) / 2)


def test_a_limit_changes_no_order_and_keeps_probabilities_whole() -> None:
    found = scored([0, 1, 1], [0.2, 0.5, 0.9])
    after = limits.moved(found, -1.0)
    assert (np.diff(after.probabilities[:, 1]) > 0).all()
    assert after.probabilities.sum(axis=1) == pytest.approx(np.ones(3))
    assert after.probabilities[1, 1] == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize(("truth", "labels"), [([1, 1], SCREEN), ([0, 2], ("AS", "MR", "N"))])
def test_a_limit_needs_two_labels_and_both_of_them(
    truth: Sequence[int], labels: tuple[str, ...]
) -> None:
    given = [[1 / len(labels)] * len(labels)] * 2
    with pytest.raises(ConfigurationError, match="a limit is sought"):
        limits.best(scored(truth, given, labels=labels))


def test_each_fold_has_the_limit_of_its_own_validation() -> None:
    """Fold 1 tells abnormal from 0.3 on, fold 2 from 0.7 on: each alone says it in validation."""
    runs = [
        *_fold("1", [0.2, 0.2, 0.4, 0.4]),
        *_fold("2", [0.6, 0.6, 0.8, 0.8]),
    ]
    found = evaluate(runs, draws=10).metrics
    assert found["uar"].value == 0.5
    assert found["uar_at_limit"].value == 1.0


def test_without_a_validation_of_every_fold_there_is_no_limit() -> None:
    runs = [*_fold("1", [0.2, 0.2, 0.4, 0.4]), _fold("2", [0.6, 0.6, 0.8, 0.8])[0]]
    assert "uar_at_limit" not in evaluate(runs, draws=10).metrics


def _fold(fold: str, abnormal: Sequence[float]) -> list[Predictions]:
    """A test and a validation that were answered alike: two normal and two abnormal people."""
    truth = [0, 0, 1, 1]
    people = [
        Recording(
            path=f"{fold}-{k}.wav", labels=(SCREEN[label],), subject=f"{fold}-{k}", database="one"
        )
        for k, label in enumerate(truth)
    ]
    validation, test = (structs.replace(RUN, fold=fold, part=part) for part in PARTS[1:])
    return [predictions(abnormal, truth, run=run, recordings=people) for run in (test, validation)]
