"""A window tells its beats, or nothing where its sound does not allow it."""

import numpy as np
import pytest

from models.heart import LEAST_CONFIDENCE, hear
from models.rhythm import Heart
from tests.unit.models.beats import FRAMES, WINDOW_S, Floats, probabilities, sound, steady

KNOW_NOTHING = np.full((1, FRAMES, 4), 0.25, np.float32)


def told(windows: Floats, heard: Floats) -> Heart | None:
    (heart,) = hear(windows, heard)
    return heart


@pytest.mark.parametrize("rate_bpm", [40, 75, 130, 200])
def test_a_heart_is_heard_with_its_rate_and_every_sound(rate_bpm: float) -> None:
    onset_s = steady(rate_bpm)
    heart = told(sound(onset_s), probabilities(onset_s))
    assert heart is not None
    assert heart.rate_bpm == pytest.approx(rate_bpm, rel=0.012)
    assert heart.confidence > LEAST_CONFIDENCE
    for times_s, first, last in ((heart.s1_s, 0, 1), (heart.s2_s, 2, 3)):
        middles_s = (onset_s[:, first] + onset_s[:, last]) / 2
        expected_s = middles_s[(middles_s > 0.05) & (middles_s < WINDOW_S - 0.05)]
        apart_s = np.abs(expected_s[:, np.newaxis] - np.array(times_s)).min(axis=1)
        assert apart_s.max() <= 0.02
        assert all(0 <= at_s < WINDOW_S for at_s in times_s)


def test_intervals_are_from_onset_to_onset() -> None:
    onset_s = steady(75)
    heart = told(sound(onset_s), probabilities(onset_s))
    assert heart is not None
    assert heart.systole_s == pytest.approx(onset_s[0, 2] - onset_s[0, 0], abs=0.01)
    assert heart.systole_s is not None
    assert heart.diastole_s is not None
    assert heart.systole_s + heart.diastole_s == pytest.approx(0.8, abs=0.01)
    assert heart.irregularity is not None
    assert heart.irregularity < 0.04


def full_scale() -> Floats:
    square = np.sign(np.sin(2 * np.pi * 60 * np.arange(10_000) / 2000))
    return square.astype(np.float32)[np.newaxis]


@pytest.mark.parametrize(
    "windows",
    [np.zeros((1, 10_000), np.float32), full_scale()],
    ids=["silence", "clipped throughout"],
)
def test_sound_without_a_heart_tells_nothing(windows: Floats) -> None:
    assert told(windows, KNOW_NOTHING) is None


def test_silence_tells_nothing_even_if_the_net_believes_in_a_heart() -> None:
    assert told(np.zeros((1, 10_000), np.float32), probabilities(steady(70))) is None


def test_noise_of_which_the_net_knows_nothing_tells_nothing() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(20, 10_000)).astype(np.float32)
    guesses = rng.dirichlet(np.full(4, 3.0), size=(20, FRAMES)).astype(np.float32)
    assert hear(noise, guesses) == [None] * 20


def test_a_window_comes_out_as_if_it_were_alone_bit_for_bit() -> None:
    rates_bpm = (31, 44, 60, 61, 75, 93, 110, 140, 175, 219, 82)
    windows = np.concatenate([sound(steady(own), seed=k) for k, own in enumerate(rates_bpm)])
    heard = np.concatenate([probabilities(steady(own), sure=0.8) for own in rates_bpm])
    windows[4] = 0
    alone = [hear(windows[k : k + 1], heard[k : k + 1])[0] for k in range(len(windows))]
    assert hear(windows, heard) == alone
    assert hear(windows[::-1].copy(), heard[::-1].copy()) == alone[::-1]


def test_no_windows_tell_nothing() -> None:
    assert hear(np.empty((0, 10_000), np.float32), np.empty((0, FRAMES, 4), np.float32)) == []
