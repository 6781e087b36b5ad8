"""States are found when and as long as they are, at every rate a heart has."""

import numpy as np
import pytest

from models.errors import SignalError
from models.segmentation import (
    FRAME_S,
    STATES,
    likely_durations,
    segment,
)
from tests.unit.models.beats import FRAMES, WINDOW_S, probabilities, steady

RATES_BPM = (30, 45, 60, 80, 110, 150, 190, 220)


@pytest.mark.parametrize("rate_bpm", RATES_BPM)
def test_states_usually_last_as_long_together_as_a_beat(rate_bpm: float) -> None:
    likely = likely_durations(np.array([rate_bpm]))
    usual_s = (likely.argmax(axis=2) + 1).sum() * FRAME_S
    assert usual_s == pytest.approx(60 / rate_bpm, abs=2 * FRAME_S)
    assert likely[0, STATES.index("diastole"), -1] < likely[0, STATES.index("diastole")].max()


@pytest.mark.parametrize("rate_bpm", [0.0, 29.0, 221.0, 400.0, float("nan")])
def test_a_rate_that_no_heart_has_is_refused(rate_bpm: float) -> None:
    with pytest.raises(SignalError, match="30 to 220 bpm"):
        likely_durations(np.array([60.0, rate_bpm]))


@pytest.mark.parametrize("rate_bpm", RATES_BPM)
def test_every_onset_is_found_within_a_frame(rate_bpm: float) -> None:
    onset_s = steady(rate_bpm)
    found = segment(probabilities(onset_s), np.array([float(rate_bpm)]))
    marked_s, told_s = onset_s.ravel(), found.start_s[0][found.kind[0] >= 0]
    apart_s = np.abs(marked_s[:, np.newaxis] - told_s)
    assert apart_s[(marked_s > 0.1) & (marked_s < WINDOW_S - 0.1)].min(axis=1).max() <= FRAME_S
    assert apart_s[:, (told_s > 0.1) & (told_s < WINDOW_S - 0.1)].min(axis=0).max() <= FRAME_S
    assert found.agreement[0] > 0.9


def test_a_rate_that_is_a_tenth_off_finds_the_same_beats() -> None:
    onset_s = steady(80)
    right, off = (segment(probabilities(onset_s), np.array([bpm])) for bpm in (80.0, 88.0))
    assert (right.labels == off.labels).mean() > 0.98


def test_states_that_the_window_cuts_reach_beyond_it() -> None:
    onset_s = steady(60, first_s=-0.05)
    found = segment(probabilities(onset_s), np.array([60.0]))
    last = np.flatnonzero(found.kind[0] >= 0)[-1]
    assert found.kind[0, 0] == STATES.index("S1")
    assert found.start_s[0, 0] < 0 < found.end_s[0, 0]
    assert found.end_s[0, last] >= WINDOW_S
    assert np.isnan(found.middle_s[0, last + 1 :]).all()


def test_labels_and_segments_say_the_same() -> None:
    found = segment(probabilities(steady(95)), np.array([95.0]))
    middles_s = (np.arange(FRAMES) + 0.5) * FRAME_S
    place = np.searchsorted(found.start_s[0][found.kind[0] >= 0], middles_s, side="right") - 1
    assert (found.kind[0][place] == found.labels[0]).all()


def test_sound_of_which_the_net_knows_nothing_is_still_answered_without_trust() -> None:
    found = segment(np.full((1, FRAMES, 4), 0.25, np.float32), np.array([70.0]))
    assert found.agreement[0] == pytest.approx(0.25)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(SignalError, match="expected"):
        segment(np.zeros((1, FRAMES, 3), np.float32), np.array([70.0]))
