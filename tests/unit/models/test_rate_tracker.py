"""The rate over windows is smooth, follows a heart, and does not jump at a wrong window."""

import msgspec
import pytest

from models.errors import SignalError
from models.rate_tracker import confidence_at, tracked
from models.rhythm import UNKNOWN, TrackedRate

HOP_S = 2.5


def after(*rates_bpm: float | None, known: TrackedRate = UNKNOWN, from_s: float = 0) -> TrackedRate:
    for number, rate_bpm in enumerate(rates_bpm, start=1):
        known = tracked(known, from_s + number * HOP_S, rate_bpm, 0.9)
    return known


def test_a_steady_heart_is_told_more_evenly_than_its_windows() -> None:
    known = after(*(72 + error for error in (2, -2, 1.5, -1.5, 2, -2, 1, -1)))
    assert known.rate_bpm == pytest.approx(72, abs=1.0)


def test_it_follows_a_heart_that_speeds_up() -> None:
    known = after(*(70 * 1.03**step for step in range(20)))
    assert known.rate_bpm == pytest.approx(70 * 1.03**19, rel=0.06)


@pytest.mark.parametrize("wrong_bpm", [35.0, 140.0, 105.0])
def test_one_wrong_window_changes_nothing(wrong_bpm: float) -> None:
    known = after(70, 70, 70, wrong_bpm, 70)
    assert known.rate_bpm == pytest.approx(70)


def test_another_rate_is_believed_when_three_windows_tell_it() -> None:
    assert after(70, 70, 70, 112, 111).rate_bpm == pytest.approx(70)
    assert after(70, 70, 70, 112, 111, 112).rate_bpm == pytest.approx(112)


def test_double_the_rate_takes_six() -> None:
    assert after(*[60.0] * 4, *[120.0] * 5).rate_bpm == pytest.approx(60)
    assert after(*[60.0] * 4, *[120.0] * 6).rate_bpm == pytest.approx(120)


def test_windows_that_disagree_among_themselves_are_not_believed() -> None:
    assert after(70, 70, 112, 150, 95, 180, 45).rate_bpm == pytest.approx(70)


def test_windows_that_tell_nothing_let_confidence_fade_and_then_all_is_forgotten() -> None:
    known = after(70, 70)
    fresh, later = (confidence_at(known, known.at_s + silent_s) for silent_s in (0, 10))
    assert 0 < later < fresh == 0.9
    assert confidence_at(known, known.at_s + 31) == 0
    assert after(None, known=known, from_s=60).rate_bpm is None
    assert after(140, known=known, from_s=60).rate_bpm == 140


def test_a_window_that_was_seen_changes_nothing() -> None:
    known = after(70, 70, 112)
    assert tracked(known, known.seen_s, 112, 0.9) is known
    assert tracked(known, 1.0, 40, 0.9) is known


def test_what_is_known_can_be_kept_and_read_again() -> None:
    known = after(70, 71, 112)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(known), type=TrackedRate)
    assert after(112, 112, known=kept, from_s=7.5) == after(112, 112, known=known, from_s=7.5)


@pytest.mark.parametrize(
    ("rate_bpm", "confidence", "said"),
    [
        (0.0, 0.9, "0.0 bpm"),
        (400.0, 0.9, "400.0 bpm"),
        (float("nan"), 0.9, "nan bpm"),
        (70, 1.2, "1.2"),
    ],
)
def test_nonsense_is_refused(rate_bpm: float, confidence: float, said: str) -> None:
    with pytest.raises(SignalError, match=said):
        tracked(UNKNOWN, 1.0, rate_bpm, confidence)
