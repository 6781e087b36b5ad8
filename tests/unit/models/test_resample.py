import numpy as np
import pytest

from models.resample import Resampler


def test_an_impulse_comes_out_after_the_stated_delay() -> None:
    impulse = np.zeros((1, 4000), np.float32)
    impulse[0, 1000] = 1
    resample = Resampler(4000, 2000)
    assert np.argmax(np.abs(resample(impulse))) == 500 + resample.delay_s * 2000


@pytest.mark.parametrize("source_hz", [1000, 4000, 8000, 16000, 44100, 48000])
def test_nothing_after_a_moment_changes_what_came_before_it(source_hz: int) -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal((1, source_hz)).astype(np.float32)
    other = sound.copy()
    other[0, source_hz // 2 :] = 0
    resample = Resampler(source_hz, 2000)
    assert np.array_equal(resample(sound)[0, :1000], resample(other)[0, :1000])


@pytest.mark.parametrize("source_hz", [1000, 4000, 8000, 16000, 44100, 48000])
def test_a_steady_level_is_kept(source_hz: int) -> None:
    steady = Resampler(source_hz, 2000)(np.ones((1, source_hz), np.float32))
    assert steady.shape == (1, 2000)
    assert steady[0, 100:] == pytest.approx(np.ones(1900), abs=2e-4)


def test_the_same_rate_passes_through_untouched() -> None:
    sound = np.ones((3, 100), np.float32)
    resample = Resampler(2000, 2000)
    assert resample(sound) is sound
    assert resample.delay_s == 0
