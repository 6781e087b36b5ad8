import doctest

import numpy as np
import pytest

from training import cleaning
from training.cleaning import wavelet_denoised, without_silence

RATE_HZ = 2000


def beats(seconds: float, rate_bpm: float = 60) -> np.typing.NDArray[np.float64]:
    """Bursts of 0.1 s with nothing between them."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    inside = (time_s % (60 / rate_bpm)) < 0.1
    return np.sin(2 * np.pi * 50 * time_s) * inside


def silence(seconds: float) -> np.typing.NDArray[np.float64]:
    return np.zeros(int(seconds * RATE_HZ))


def test_a_long_silence_is_shortened_to_its_margins() -> None:
    sound = np.concatenate([beats(5), silence(8), beats(5)])  # 8.9 s between two beats
    cleaned = without_silence(sound, RATE_HZ)
    assert len(cleaned) / RATE_HZ == pytest.approx(18 - 8.9 + 1, abs=0.1)
    assert np.square(cleaned).sum() == pytest.approx(np.square(sound).sum(), rel=1e-5)


@pytest.mark.parametrize("rate_bpm", [35, 60, 120])
def test_the_pauses_of_a_heart_are_left_alone(rate_bpm: float) -> None:
    sound = beats(20, rate_bpm)
    assert len(without_silence(sound, RATE_HZ)) == len(sound)


@pytest.mark.parametrize("sound", [silence(10), silence(0), silence(0.01)])
def test_a_recording_that_is_silent_throughout_comes_back_whole(
    sound: np.typing.NDArray[np.float64],
) -> None:
    assert len(without_silence(sound, RATE_HZ)) == len(sound)


@pytest.mark.parametrize("samples", [4000, 4001])
def test_denoising_brings_a_sound_nearer_to_what_it_was(samples: int) -> None:
    clean = beats(3)[:samples]
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(samples)
    denoised = wavelet_denoised(noisy)
    assert denoised.shape == clean.shape
    assert np.square(denoised - clean).mean() < 0.25 * np.square(noisy - clean).mean()


def test_denoising_leaves_a_clean_sound_and_silence_as_they_are() -> None:
    assert wavelet_denoised(silence(1)) == pytest.approx(silence(1))
    assert wavelet_denoised(beats(3)) == pytest.approx(beats(3), abs=1e-2)


@pytest.mark.parametrize("samples", [1, 5, 11])
def test_what_is_too_short_for_wavelets_comes_back_as_it_was(samples: int) -> None:
    sound = np.ones(samples)
    assert wavelet_denoised(sound) == pytest.approx(sound)


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(cleaning, extraglobs={"np": np}) == (0, 3)
