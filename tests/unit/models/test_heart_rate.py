"""The rate is right from 30 to 220 bpm, not half of it nor double, and evenness is told."""

import numpy as np
import pytest

from models.envelope import frame_power
from models.errors import SignalError
from models.heart_rate import beating, confidence, periods, repetition
from models.segmentation import segment
from tests.unit.models.beats import (
    FRAMES,
    WINDOW_S,
    Floats,
    onsets_s,
    probabilities,
    sound,
    steady,
)

RATES_BPM = (30, 40, 55, 70, 90, 120, 150, 180, 200, 220)


def rate_of(onset_s: np.typing.NDArray[np.float64], heard: Floats | None = None) -> float:
    states = probabilities(onset_s) if heard is None else heard
    return float(periods(states, frame_power(sound(onset_s))).rate_bpm[0])


@pytest.mark.parametrize("rate_bpm", RATES_BPM)
def test_the_period_is_that_of_one_beat(rate_bpm: float) -> None:
    assert rate_of(steady(rate_bpm)) == pytest.approx(rate_bpm, rel=0.05)


@pytest.mark.parametrize("rate_bpm", [45, 60, 80, 110])
def test_a_net_that_is_hardly_sure_does_not_halve_or_double_the_rate(rate_bpm: float) -> None:
    onset_s = steady(rate_bpm)
    heard = probabilities(onset_s, sure=0.4)
    noise = np.random.default_rng(3).dirichlet(np.ones(4), size=(1, FRAMES)).astype(np.float32)
    assert rate_of(onset_s, 0.7 * heard + 0.3 * noise) == pytest.approx(rate_bpm, rel=0.05)


def test_nothing_repeats_itself_in_a_signal_that_stands_still() -> None:
    assert np.abs(repetition(np.full((2, 4, FRAMES), 0.25, np.float32))).max() < 1e-3


def test_every_lag_of_one_signal_is_its_correlation() -> None:
    signal = np.random.default_rng(5).normal(size=(1, 1, FRAMES)).astype(np.float32)
    centred = (signal - signal.mean())[0, 0].astype(float)
    found = repetition(signal)[0]
    for lag in (0, 1, 14, 60, 101):
        earlier, later = centred[: FRAMES - lag], centred[lag:]
        expected = (earlier @ later) / np.sqrt((earlier @ earlier) * (later @ later))
        assert found[lag] == pytest.approx(expected, abs=1e-4)


def test_a_window_comes_out_as_if_it_were_alone_bit_for_bit() -> None:
    rng = np.random.default_rng(6)
    heard = rng.dirichlet(np.ones(4), size=(13, FRAMES)).astype(np.float32)
    power = rng.random((13, 2 * FRAMES)).astype(np.float32)
    together = periods(heard, power)
    for k in range(13):
        alone = periods(heard[k : k + 1], power[k : k + 1])
        assert alone.rate_bpm[0] == together.rate_bpm[k]
        assert alone.strength[0] == together.strength[k]


@pytest.mark.parametrize("rate_bpm", RATES_BPM)
def test_beats_that_were_found_tell_the_rate_exactly(rate_bpm: float) -> None:
    found = segment(probabilities(steady(rate_bpm)), np.array([float(rate_bpm)]))
    beats = beating(found, WINDOW_S)
    assert beats.rate_bpm[0] == pytest.approx(rate_bpm, rel=0.012)


def test_uneven_beats_are_told_from_even_ones() -> None:
    even = np.full(9, 0.75)
    uneven = 0.75 * np.array([1.0, 0.78, 1.25, 0.9, 1.15, 0.75, 1.2, 1.0, 0.85])
    told = [
        beating(segment(probabilities(onsets_s(own, -0.4)), np.array([80.0])), WINDOW_S)
        for own in (even, uneven)
    ]
    assert told[0].irregularity[0] < 0.04
    assert told[1].irregularity[0] > 0.2


def test_one_interval_that_ends_at_a_cut_sound_does_not_change_the_rate() -> None:
    onset_s = steady(60, first_s=0.02)
    onset_s[0, :2] += 0.24
    found = segment(probabilities(onset_s), np.array([60.0]))
    assert np.sum(np.abs(found.middle_s[0] - 0.31) < 0.03) == 1
    assert beating(found, WINDOW_S).rate_bpm[0] == pytest.approx(60, abs=1)


def test_an_early_beat_counts() -> None:
    lengths_s = np.array([1.0, 1.0, 0.7, 1.0, 0.7, 1.0, 1.0])
    found = segment(probabilities(onsets_s(lengths_s, -0.9)), np.array([65.0]))
    assert beating(found, WINDOW_S).rate_bpm[0] > 64


def test_confidence_falls_with_every_kind_of_doubt() -> None:
    onset_s = steady(80)
    beats = beating(segment(probabilities(onset_s), np.array([80.0])), WINDOW_S)

    def sure(agreement: float, strength: float, found_bpm: float) -> float:
        doubts = (np.array([own], np.float32) for own in (agreement, strength))
        agreed, repeated = doubts
        return float(confidence(agreed, repeated, np.array([found_bpm]), beats)[0])

    best = sure(0.95, 0.9, 80.0)
    assert best > 0.9
    assert sure(0.4, 0.9, 80.0) < best
    assert sure(0.95, 0.1, 80.0) < best
    assert sure(0.95, 0.9, 120.0) < best


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(SignalError, match="envelope of shape"):
        periods(np.zeros((1, FRAMES, 4), np.float32), np.zeros((1, 2 * FRAMES + 1), np.float32))
