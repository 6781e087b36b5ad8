"""Windows that overlap tell of each beat once."""

import pytest

from models.recording_heart import sounds_s, whole
from models.rhythm import Heart


def heart(rate_bpm: float, *s1_s: float, confidence: float = 0.9) -> Heart:
    return Heart(rate_bpm=rate_bpm, confidence=confidence, s1_s=s1_s, s2_s=())


def test_a_beat_in_two_windows_is_told_once_by_the_one_in_whose_middle_it_is() -> None:
    hearts = [heart(60, 0.5, 1.5, 2.5, 3.5, 4.55), heart(60, 0.0, 1.02, 2.0, 3.0, 4.0)]
    assert sounds_s(hearts, "S1") == (0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5)


def test_a_beat_at_the_seam_is_neither_doubled_nor_lost() -> None:
    before, after = heart(60, 2.7, 3.74), heart(60, 0.21, 1.255, 2.2)
    assert sounds_s([before, after], "S1") == (2.7, 3.74, 4.7)
    before, after = heart(60, 2.7, 3.76), heart(60, 0.21, 1.245, 2.2)
    assert sounds_s([before, after], "S1") == pytest.approx((2.7, 3.745, 4.7))


def test_where_a_neighbour_tells_nothing_the_whole_window_counts() -> None:
    assert sounds_s([None, heart(60, 0.4, 4.9), None], "S1") == (2.9, 7.4)


def test_the_rate_is_the_median_of_those_told() -> None:
    found = whole([heart(60), None, heart(70), heart(140, confidence=0.1), heart(64)])
    assert found is not None
    assert (found.rate_bpm, found.confidence) == (64, 0.9)
    assert whole([heart(60), heart(70)]).rate_bpm == 65  # type: ignore[union-attr]


def test_nothing_is_told_where_no_window_tells() -> None:
    assert whole([]) is None
    assert whole([None, heart(60, 1.0, confidence=0.2)]) is None
