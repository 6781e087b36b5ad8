import numpy as np
import pytest

from models.contract import Distribution
from models.drift import drift, population_stability
from models.errors import SignalError

EVEN = Distribution(deciles=tuple(k / 10 for k in range(11)))


def test_the_references_own_distribution_has_an_index_of_nothing() -> None:
    assert population_stability(EVEN, (np.arange(1000) + 0.5) / 1000) == pytest.approx(0, abs=1e-12)


def test_the_index_is_the_symmetric_divergence_of_the_bins() -> None:
    """Half of all in the lowest bin, the other half even over the other nine."""
    values = np.concatenate(
        [np.full(900_000, 0.05), np.tile(np.arange(1, 10) / 10 + 0.05, 100_000)]
    )
    low = (0.5 - 0.1) * np.log(0.5 / 0.1)
    high = 9 * (0.5 / 9 - 0.1) * np.log((0.5 / 9) / 0.1)
    assert population_stability(EVEN, values) == pytest.approx(low + high, rel=1e-4)


def test_values_beyond_the_reference_count_in_its_outer_bins() -> None:
    inside = np.tile([0.05, 0.95], 50)
    beyond = np.tile([-3.0, 7.0], 50)
    assert population_stability(EVEN, beyond) == population_stability(EVEN, inside)


def test_deciles_that_coincide_make_one_bin() -> None:
    """A model that says exactly 0 to 30 % and exactly 1 to 20 % of what it hears."""
    certain = Distribution(deciles=(0.0, 0.0, 0.0, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0))
    same = np.concatenate([np.zeros(300), np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 100), np.ones(200)])
    assert population_stability(certain, same) == pytest.approx(0, abs=1e-3)
    assert population_stability(certain, np.zeros(1000)) > 1


def test_an_empty_bin_is_not_infinitely_unlikely() -> None:
    assert 1 < population_stability(EVEN, np.full(1000, 0.55)) < 20


@pytest.mark.parametrize("values", [np.array([]), np.array([0.1, np.nan])])
def test_no_values_or_no_numbers_are_refused(values: np.typing.NDArray[np.float64]) -> None:
    with pytest.raises(SignalError, match="drift needs some"):
        population_stability(EVEN, values)


def test_a_reference_without_deciles_is_refused() -> None:
    with pytest.raises(SignalError, match="0 deciles"):
        population_stability(Distribution(deciles=()), np.array([0.1]))


def test_chance_alone_raises_no_alarm() -> None:
    draw = np.random.default_rng(1)
    found = [drift(EVEN, draw.uniform(size=100)) for _ in range(300)]
    assert np.mean([one.stability_index for one in found]) == pytest.approx(0.09, rel=0.15)
    assert found[0].by_chance == 0.09
    assert np.mean([one.verdict == "stable" for one in found]) > 0.95


def test_a_shift_of_the_probabilities_is_found() -> None:
    draw = np.random.default_rng(1)
    assert drift(EVEN, draw.beta(1.7, 1.7, size=5000)).verdict == "moved"
    assert drift(EVEN, draw.beta(5, 2, size=500)).verdict == "drifted"


def test_few_values_say_nothing() -> None:
    assert drift(EVEN, np.full(99, 0.95)).verdict == "too few"
