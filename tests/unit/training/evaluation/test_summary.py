import msgspec
import numpy as np
import pytest

from models.errors import ConfigurationError
from tests.unit.training.evaluation.made import RUN, SCREEN, predictions
from training.datasets.recordings import Recording
from training.evaluation.predictions import Predictions
from training.evaluation.summary import evaluate

TRUTH = [0, 0, 0, 1, 1, 1]
GIVEN = [0.2, 0.3, 0.7, 0.8, 0.4, 0.85]


def records() -> list[Recording]:
    return [
        Recording(
            path=f"r{k}.wav",
            labels=(SCREEN[label],),
            subject=f"s{k // 2}",
            database="one" if k % 2 else "two",
            sex="female" if k < 3 else "male",
            murmur_grade="I/VI" if label else None,
        )
        for k, label in enumerate(TRUTH)
    ]


def folds(**changes: object) -> list[Predictions]:
    """Two of three recordings each."""
    every = predictions(GIVEN, TRUTH, recordings=records())
    return [
        Predictions(
            run=msgspec.structs.replace(RUN, fold=str(fold), **changes),
            recordings=every.recordings[fold::2],
        )
        for fold in (0, 1)
    ]


def test_folds_are_pooled_and_also_counted_by_themselves() -> None:
    found = evaluate(folds(), draws=50)
    assert (found.folds, found.seeds, found.recordings, found.subjects) == (("0", "1"), (0,), 6, 3)
    assert found.metrics["accuracy"].value == pytest.approx(4 / 6)
    assert found.metrics["sensitivity"].value == pytest.approx(2 / 3)
    assert found.metrics["auc"].value == pytest.approx(8 / 9)
    assert found.confusion == ((2, 1), (1, 2))
    assert found.over_folds["accuracy"].mean == pytest.approx(4 / 6)
    assert found.over_seeds == {}


def test_a_recording_of_two_seeds_is_one_recording() -> None:
    found = evaluate([*folds(seed=1), *folds(seed=2)], draws=50)
    assert (found.recordings, found.seeds) == (6, (1, 2))
    assert found.over_seeds["accuracy"].deviation == 0
    assert len(found.worst) == 2


def test_the_challenges_score_is_of_its_own_set_alone() -> None:
    assert "challenge_score" in evaluate(folds(), draws=50).metrics
    assert "challenge_score" not in evaluate(folds(data_set="circor2022"), draws=50).metrics


def test_folds_that_overlap_are_refused() -> None:
    first, _ = folds()
    again = msgspec.structs.replace(first, run=msgspec.structs.replace(first.run, fold="1"))
    with pytest.raises(ConfigurationError, match=r"r0\.wav is tested 2 times with seed 0"):
        evaluate([first, again])


def test_groups_are_those_that_are_known() -> None:
    found = evaluate(folds(), draws=50).groups
    assert set(found) == {"database", "sex", "murmur_grade"}
    assert found["sex"]["female"].accuracy == pytest.approx(2 / 3)
    assert found["murmur_grade"]["I/VI"].recordings == 3
    assert found["murmur_grade"]["I/VI"].uar == pytest.approx(2 / 3)
    assert np.isnan(found["murmur_grade"]["I/VI"].auc)


def test_the_surest_mistake_comes_first() -> None:
    first, second = evaluate(folds(), draws=50).worst
    assert (first.path, first.truth, first.said) == ("r2.wav", ("normal",), ("abnormal",))
    assert (first.confidence, second.confidence) == pytest.approx((0.7, 0.6))


def test_a_temperature_comes_from_the_validation_of_the_same_fold() -> None:
    without = evaluate(folds(), draws=50)
    assert without.calibration.temperature is None
    half = evaluate([*folds(), folds(part="validation")[0]], draws=50)
    assert half.calibration.temperature is None
    both = evaluate([*folds(), *folds(part="validation")], draws=50)
    assert both.calibration.temperature is not None
    assert both.calibration.error_after is not None
    assert both.recordings == without.recordings


def test_a_leak_anywhere_is_a_leak() -> None:
    honest, leaking = folds()[0], folds(leaks=True)[1]
    assert evaluate([honest, leaking], draws=50).leaks
    assert not evaluate(folds(), draws=50).leaks


def test_an_evaluation_is_json() -> None:
    found = msgspec.json.decode(msgspec.json.encode(evaluate(folds(), draws=50)))
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(4 / 6)
    assert found["groups"]["murmur_grade"]["I/VI"]["auc"] is None
