import msgspec
import numpy as np
import pytest

from models.errors import ConfigurationError
from tests.unit.training.evaluation.made import RUN, predictions
from training.evaluation.comparison import compared, holm, mcnemar, wilcoxon


def test_five_against_none_is_not_yet_proof() -> None:
    """Work A's 100 against 95 of 100: the exact test gives 2 / 2**5."""
    first = np.ones(100, bool)
    second = np.arange(100) >= 5
    found = mcnemar(first, second)
    assert (found.only_first_right, found.only_second_right) == (5, 0)
    assert found.p_value == pytest.approx(0.0625)


def test_models_that_never_differ_cannot_be_told_apart() -> None:
    assert mcnemar(np.array([True, False]), np.array([True, False])).p_value == 1.0


def test_answers_to_other_recordings_cannot_be_paired() -> None:
    with pytest.raises(ConfigurationError, match="2 answers cannot be paired with 3"):
        mcnemar(np.ones(2, bool), np.ones(3, bool))


def test_only_the_recordings_of_the_same_repetition_are_compared() -> None:
    first = predictions([0.7, 0.2, 0.7], [1, 0, 0])
    second = predictions([0.2, 0.2], [1, 0])
    found = compared([first], [second])
    assert found is not None
    assert (found.recordings, found.only_first_right, found.only_second_right) == (2, 1, 0)
    other = predictions([0.2], [1], run=msgspec.structs.replace(RUN, seed=7))
    assert compared([first], [other]) is None


def test_five_times_always_quicker_by_hand() -> None:
    """All five ranks on one side: p is 2 / 2**5."""
    found = wilcoxon(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1.1, 2.2, 3.3, 4.4, 5.5]))
    assert found.p_value == pytest.approx(0.0625)
    assert (found.first_median_ms, found.second_median_ms) == (3.0, 3.3)


def test_equal_times_are_no_difference() -> None:
    assert wilcoxon(np.ones(5), np.ones(5)).p_value == 1.0


def test_holm_by_hand() -> None:
    """0.01 x 3, 0.02 x 2, then 0.04, but never less than the one before."""
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
