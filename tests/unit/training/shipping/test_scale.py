import numpy as np
import pytest
from scipy import special

from models.errors import ConfigurationError
from training.shipping import scale
from training.shipping.listening import Judged


def coin(sharpness: float, *, count: int = 4000, rarer: float = 0.0) -> Judged:
    """One window a recording, whose true log odds are the logits over `sharpness`, less `rarer`."""
    rng = np.random.default_rng(0)
    log_odds = rng.normal(0, 1.5, count)
    ill = rng.random(count) < special.expit(log_odds - rarer)
    logits = sharpness * np.stack([np.zeros(count), log_odds], axis=1)
    return Judged(logits, np.arange(count), np.ones(count, bool), np.stack([~ill, ill], axis=1))


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_what_was_too_sure_by_a_factor_is_divided_by_it(sharpness: float) -> None:
    found = scale.fit([coin(sharpness)], exclusive=True)
    assert found.temperature == pytest.approx(sharpness, rel=0.1)
    assert found.offsets == pytest.approx((0.0, 0.0), abs=0.1)


@pytest.mark.parametrize("rarer", [-1.0, 2.0])
def test_where_a_label_is_rare_even_odds_still_serve_both(rarer: float) -> None:
    """At even odds as many of the ill are missed as of the well are alarmed for."""
    own = coin(1.0, count=40_000, rarer=rarer)
    found = scale.fit([own], exclusive=True)
    ill = (own.logits / found.temperature + found.offsets).argmax(axis=1) == 1
    missed = 1 - ill[own.truth[:, 1]].mean()
    alarmed = ill[own.truth[:, 0]].mean()
    assert missed == pytest.approx(alarmed, abs=0.03)
    plain = own.logits.argmax(axis=1) == 1
    balanced = (1 - missed + 1 - alarmed) / 2
    assert (
        balanced > (plain[own.truth[:, 1]].mean() + 1 - plain[own.truth[:, 0]].mean()) / 2 - 0.005
    )


def test_a_label_that_nobody_has_is_not_moved() -> None:
    own = coin(2.0)
    healthy = own._replace(
        logits=own.logits[own.truth[:, 0]],
        owner=np.arange(own.truth[:, 0].sum()),
        usable=own.usable[own.truth[:, 0]],
        truth=own.truth[own.truth[:, 0]],
    )
    assert scale.fit([healthy], exclusive=True).offsets == ()


def test_labels_that_concur_are_each_judged() -> None:
    own = coin(3.0)
    odds = own._replace(logits=own.logits[:, 1:], truth=own.truth[:, 1:])
    found = scale.fit([odds], exclusive=False)
    assert found.temperature == pytest.approx(3.0, rel=0.1)
    assert found.offsets == ()


def test_recordings_are_judged_by_the_mean_of_their_usable_windows() -> None:
    """One window of each is hopelessly sure of the wrong, and unusable: it must not count."""
    own = coin(2.0, count=2000)
    wrong = own._replace(
        logits=np.concatenate([own.logits, 50.0 - 100.0 * own.truth]),
        owner=np.concatenate([own.owner, own.owner]),
        usable=np.concatenate([own.usable, ~own.usable]),
    )
    with_them, without = (scale.fit([it], exclusive=True) for it in (wrong, own))
    assert with_them.temperature == pytest.approx(without.temperature, rel=1e-3)
    assert with_them.offsets == pytest.approx(without.offsets, abs=1e-3)


def test_pieces_count_as_one() -> None:
    own = coin(2.0, count=1000)
    halves = [
        Judged(own.logits[k], np.arange(500), own.usable[k], own.truth[k])
        for k in (slice(0, 500), slice(500, 1000))
    ]
    together, apart = scale.fit([own], exclusive=True), scale.fit(halves, exclusive=True)
    assert apart.temperature == pytest.approx(together.temperature, rel=1e-6)
    assert apart.offsets == pytest.approx(together.offsets, rel=1e-6)


def test_nothing_to_fit_on_is_said() -> None:
    with pytest.raises(ConfigurationError, match="not trained on"):
        scale.fit([], exclusive=True)
