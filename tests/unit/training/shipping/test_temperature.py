import numpy as np
import pytest

from models.errors import ConfigurationError
from training.shipping import temperature
from training.shipping.listening import Judged


def coin(sharpness: float, *, count: int = 4000) -> Judged:
    """One window a recording, whose true log odds are the logits over `sharpness`."""
    rng = np.random.default_rng(0)
    log_odds = rng.normal(0, 1.5, count)
    ill = rng.random(count) < 1 / (1 + np.exp(-log_odds))
    logits = sharpness * np.stack([np.zeros(count), log_odds], axis=1)
    return Judged(logits, np.arange(count), np.ones(count, bool), np.stack([~ill, ill], axis=1))


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_what_was_too_sure_by_a_factor_is_divided_by_it(sharpness: float) -> None:
    found = temperature.fit([coin(sharpness)], exclusive=True)
    assert found == pytest.approx(sharpness, rel=0.1)


def test_labels_that_concur_are_each_judged() -> None:
    own = coin(3.0)
    odds = own._replace(logits=own.logits[:, 1:], truth=own.truth[:, 1:])
    assert temperature.fit([odds], exclusive=False) == pytest.approx(3.0, rel=0.1)


def test_recordings_are_judged_by_the_mean_of_their_usable_windows() -> None:
    """One window of each is hopelessly sure of the wrong, and unusable: it must not count."""
    own = coin(2.0, count=2000)
    wrong = own._replace(
        logits=np.concatenate([own.logits, 50.0 - 100.0 * own.truth]),
        owner=np.concatenate([own.owner, own.owner]),
        usable=np.concatenate([own.usable, ~own.usable]),
    )
    assert temperature.fit([wrong], exclusive=True) == pytest.approx(
        temperature.fit([own], exclusive=True), rel=1e-3
    )


def test_pieces_count_as_one() -> None:
    own = coin(2.0, count=1000)
    halves = [
        Judged(own.logits[k], np.arange(500), own.usable[k], own.truth[k])
        for k in (slice(0, 500), slice(500, 1000))
    ]
    together = temperature.fit([own], exclusive=True)
    assert temperature.fit(halves, exclusive=True) == pytest.approx(together, rel=1e-6)


def test_nothing_to_fit_on_is_said() -> None:
    with pytest.raises(ConfigurationError, match="not trained on"):
        temperature.fit([], exclusive=True)
