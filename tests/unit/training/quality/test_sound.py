import numpy as np
import pytest

from training.datasets.states import State
from training.quality.sound import CAUSES, mix, noise_share, rubbing


def clean(count: int) -> np.ndarray:
    tone = np.sin(0.2 * np.arange(10000)) * np.hanning(10000) / 10
    return np.tile(tone, (count, 1)).astype(np.float32)


def hiss() -> dict[str, np.ndarray]:
    return {"white_noise": np.random.default_rng(0).normal(0, 0.1, 60_000).astype(np.float32)}


def test_noise_is_mixed_in_at_the_ratio_that_is_asked_for() -> None:
    ratios = (np.inf, 10.0, 0.0)
    mixed = mix(clean(3), np.arange(3), hiss(), ratios, np.random.default_rng(0))
    power = mixed.levels.power.mean(axis=1).reshape(3, 3)
    assert mixed.snr_db.tolist() == [np.inf] * 3 + [10.0] * 3 + [0.0] * 3
    assert mixed.recording.tolist() == [0, 1, 2] * 3
    assert {list(CAUSES)[kind] for kind in mixed.kind} == {"white_noise"}
    assert power[1] == pytest.approx(power[0] * 1.1, rel=0.05)
    assert power[2] == pytest.approx(power[0] * 2, rel=0.05)


def test_the_same_seed_mixes_the_same() -> None:
    def mixed(seed: int) -> np.ndarray:
        draw = np.random.default_rng(seed)
        return mix(clean(2), np.arange(2), hiss(), (0.0,), draw).levels.power

    assert np.array_equal(mixed(1), mixed(1))
    assert not np.array_equal(mixed(1), mixed(2))


def test_the_share_of_marked_noise_is_that_of_each_window() -> None:
    marked = [State(0.0, 1.0, "S1"), State(4.0, 6.0, "noise")]
    assert noise_share(marked, 3) == pytest.approx([0.2, 0.4, 0.2])
    assert not noise_share([], 2).any()


def test_rubbing_is_bursts_of_many_lengths_in_no_rhythm() -> None:
    sound = rubbing(np.random.default_rng(0))
    power = np.square(sound).reshape(-1, 20).mean(axis=1)
    assert np.isfinite(sound).all()
    assert np.quantile(power, 0.9) > 100 * np.quantile(power, 0.1)
    assert np.array_equal(sound, rubbing(np.random.default_rng(0)))
