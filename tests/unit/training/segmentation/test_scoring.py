"""Sounds are counted one to one, where somebody marked, and nowhere else."""

import math

import numpy as np
import pytest

from training.datasets.states import State
from training.segmentation.scoring import (
    Counts,
    Span,
    counted,
    marked_spans,
    matched,
    middles_s,
    reference_bpm,
)

EVERYWHERE = [Span(0.0, 100.0)]


def times(*at_s: float) -> np.typing.NDArray[np.float64]:
    return np.array(at_s)


def test_a_sound_is_paired_once() -> None:
    assert matched(times(1.0, 1.05), times(1.02), 0.1).tolist() == [[0, 0]]
    assert matched(times(1.0), times(0.95, 1.02), 0.1).tolist() == [[0, 0]]
    assert matched(times(1.0, 1.1), times(1.05, 1.19), 0.1).tolist() == [[0, 0], [1, 1]]
    assert matched(times(), times(1.0), 0.1).shape == (0, 2)


def test_a_pair_is_within_the_tolerance() -> None:
    assert len(matched(times(1.0), times(1.099), 0.1)) == 1
    assert len(matched(times(1.0), times(1.101), 0.1)) == 0


def test_counts_are_of_pairs_and_of_what_is_left() -> None:
    found_s, marked_s = times(1.0, 2.0, 3.5), times(1.01, 2.02, 3.0, 4.0)
    own = counted(found_s, marked_s, EVERYWHERE, 0.06)
    assert own == Counts(both=2, found_only=1, marked_only=2)
    assert own.f1 == pytest.approx(2 * 2 / (2 * 2 + 1 + 2))
    assert own + own == Counts(4, 2, 4)
    assert math.isnan(Counts(0, 0, 0).f1)


def test_what_is_found_where_nobody_marked_does_not_count() -> None:
    spans = [Span(1.0, 2.0)]
    assert counted(times(0.5, 1.5, 2.5), times(1.5), spans, 0.06) == Counts(1, 0, 0)
    assert counted(times(0.98), times(1.01), spans, 0.06) == Counts(1, 0, 0)


def test_spans_end_at_noise_and_at_the_last_window() -> None:
    states = (
        State(0.0, 1.0, "diastole"),
        State(1.0, 1.1, "S1"),
        State(1.1, 2.0, "noise"),
        State(2.0, 2.1, "S2"),
        State(2.104, 3.0, "diastole"),
        State(3.5, 9.0, "systole"),
    )
    assert marked_spans(states, 5.0) == [Span(0.0, 1.1), Span(2.0, 3.0), Span(3.5, 5.0)]
    assert middles_s(states, "S2").tolist() == [2.05]


def test_the_marked_rate_is_that_of_whole_beats_in_window_and_span() -> None:
    s1_s = np.arange(0.3, 20, 0.8)
    assert reference_bpm(s1_s, EVERYWHERE, Span(2.5, 7.5)) == pytest.approx(75)
    assert math.isnan(reference_bpm(s1_s, [Span(0, 1.5)], Span(0, 5)))
    assert reference_bpm(s1_s, [Span(0, 2.0), Span(2.5, 5)], Span(0, 5)) == pytest.approx(75)


def test_a_window_of_which_less_than_half_is_marked_has_no_marked_rate() -> None:
    s1_s = np.arange(0.3, 20, 0.5)
    assert math.isnan(reference_bpm(s1_s, [Span(1.0, 3.2)], Span(0, 5)))
    assert reference_bpm(s1_s, [Span(0.1, 3.0)], Span(0, 5)) == pytest.approx(120)
