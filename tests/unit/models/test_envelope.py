import numpy as np
import pytest

from models.envelope import frame_power, modulation, smoothed
from models.errors import SignalError


def test_frames_are_the_mean_square_of_ten_milliseconds() -> None:
    sound = np.repeat(np.array([[0.1, 0.2, 0.3]], np.float32), 20, axis=1)
    assert frame_power(sound) == pytest.approx(np.array([[0.01, 0.04, 0.09]]))


def test_frames_of_two_blocks_are_those_of_their_window() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (7, 10000)).astype(np.float32)
    whole = frame_power(sound)
    halves = np.concatenate([frame_power(sound[:, :5000]), frame_power(sound[:, 5000:])], axis=1)
    assert whole.tobytes() == halves.tobytes()
    alone = np.concatenate([frame_power(row[np.newaxis]) for row in sound])
    assert whole.tobytes() == alone.tobytes()


def test_an_envelope_that_repeats_is_like_itself_one_beat_later() -> None:
    envelope = 1 + np.sin(2 * np.pi * np.arange(500) / 80)[np.newaxis].astype(np.float32)
    found = modulation(envelope, 200).autocorrelation[0]
    assert found[0] == pytest.approx(1)
    assert np.argmax(found[40:120]) + 40 == pytest.approx(80, abs=1)
    assert found[80] == pytest.approx(1, abs=0.06)
    assert found[40] == pytest.approx(-1, abs=0.06)


def test_the_spectrum_peaks_at_the_beat() -> None:
    envelope = np.sin(2 * np.pi * np.arange(500) / 80)[np.newaxis].astype(np.float32)
    found = modulation(envelope, 200)
    assert np.argmax(found.power[0]) / found.bin_frames == pytest.approx(1 / 80, abs=0.002)


def test_an_envelope_that_stands_still_is_like_nothing() -> None:
    assert not modulation(np.full((2, 500), 0.25, np.float32), 200).autocorrelation.any()


def test_smoothing_keeps_length_and_mean_of_what_is_inside() -> None:
    envelope = np.zeros((1, 9), np.float32)
    envelope[0, 4] = 5
    assert smoothed(envelope, 5).tolist() == [[0, 0, 1, 1, 1, 1, 1, 0, 0]]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(SignalError, match="500 lags"):
        modulation(np.zeros((1, 500), np.float32), 500)
    with pytest.raises(SignalError, match="expected"):
        frame_power(np.zeros(100, np.float32))
