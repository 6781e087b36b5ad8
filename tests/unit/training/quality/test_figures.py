import numpy as np
import pytest

from training.quality.figures import AtRatio, Bin, Figures, expected_error, reliability
from training.quality.report import page, picture


def test_reliability_and_its_error_are_those_counted_by_hand() -> None:
    truth = np.array([True, True, False, True])
    score = np.array([0.95, 1.0, 0.05, 0.02])
    low, high = reliability(truth, score)
    assert (low.recordings, low.clear) == (2, 0.5)
    assert low.score == pytest.approx(0.035)
    assert (high.recordings, high.clear) == (2, 1.0)
    assert high.score == pytest.approx(0.975)
    assert expected_error((low, high)) == pytest.approx((0.465 + 0.025) / 2)


def test_a_page_says_protocol_and_figures_and_the_picture_is_drawn() -> None:
    at = AtRatio(
        snr_db=None,
        windows=7,
        mean_score=0.9,
        not_good=0.04,
        not_good_by_noise={"tap": 0.04},
        named=None,
    )
    loud = AtRatio(
        snr_db=-5.0,
        windows=7,
        mean_score=0.1,
        not_good=0.98,
        not_good_by_noise={"tap": 0.98},
        named=0.9,
    )
    found = Figures(
        protocol="five folds",
        recordings=9,
        unclear=2,
        auc=0.87,
        auc_by_database={"a": 0.9},
        auc_within_databases=0.9,
        auc_of_the_databases_name=0.67,
        ece=0.02,
        ece_windows=0.03,
        clear_good=0.96,
        reliability=(Bin(score=0.5, clear=0.5, recordings=9),),
        noise=(at, loud),
        rises=0.01,
    )
    text = page(found)
    assert "five folds" in text
    assert "| AUC for the organisers' signal_quality | 0.870 |" in text
    assert "| no noise | 7 | 0.900 | 0.040 | - |" in text
    assert "| tap | 0.98 |" in text
    assert len(picture(found).axes) == 2
