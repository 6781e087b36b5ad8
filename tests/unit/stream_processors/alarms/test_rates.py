"""Alarms go by a rate that is followed over windows; one wrong window says nothing."""

import msgspec
import pytest

from models.rhythm import TrackedRate
from stream_processors.alarms.conditions import Reading
from stream_processors.alarms.limits import BUILT_IN, Limits
from stream_processors.alarms.rates import follow, of_rate
from stream_processors.records import WindowResult
from tests.unit.stream_processors.alarms.bedside import ANN, Bedside, told, window


def said(
    *rates_bpm: float | None, limits: Limits = BUILT_IN, confidence: float = 0.9
) -> list[tuple[Reading, ...]]:
    """What each window of a device says, one a hop."""
    known: TrackedRate | None = None
    found = []
    for index, bpm in enumerate(rates_bpm):
        given = _of(window(index, at_s=5 + 2.5 * index, bpm=bpm), confidence)
        known = follow(known, given, limits)
        found.append(tuple(of_rate(known, given, limits)))
    return found


def _of(given: WindowResult, confidence: float) -> WindowResult:
    if given.heart is None:
        return given
    heart = msgspec.structs.replace(given.heart, confidence=confidence)
    return msgspec.structs.replace(given, heart=heart)


def tachycardia(readings: tuple[Reading, ...]) -> bool | None:
    return next(reading.holds for reading in readings if reading.condition == "tachycardia")


def test_the_limit_itself_is_not_beyond_it() -> None:
    ((fast, _),) = said(120)
    assert (fast.condition, fast.holds) == ("tachycardia", None)


def test_a_rate_beyond_a_limit_says_so_with_the_value() -> None:
    _, (fast, slow) = said(134.2, 134.2)
    assert (fast.words, fast.value, fast.limit) == ("HR 134 > 120", 134.2, 120)
    assert (fast.holds, slow.holds) == (True, False)


@pytest.mark.parametrize(
    ("rate_bpm", "words"),
    [(120.02, "HR 120.1 > 120"), (120.4, "HR 120.4 > 120"), (121, "HR 121 > 120")],
)
def test_a_rate_just_beyond_a_limit_is_not_shown_as_the_limit(rate_bpm: float, words: str) -> None:
    _, (fast, _) = said(rate_bpm, rate_bpm)
    assert fast.words == words


@pytest.mark.parametrize("wrong_bpm", [36.0, 144.0, 190.0])
def test_a_window_that_is_not_borne_out_says_nothing(wrong_bpm: float) -> None:
    assert said(72, 72, 72, wrong_bpm)[-1] == ()


def test_a_new_rate_counts_from_the_third_window_on_that_tells_it() -> None:
    readings = said(72, 72, 128, 129, 130, 129)
    assert [bool(each) for each in readings] == [True, True, False, False, True, True]
    assert tachycardia(readings[-1]) is True


def test_a_wrong_first_window_raises_nothing() -> None:
    bed = Bedside()
    bed.windows(1, bpm=45)
    bed.windows(12, bpm=90)
    assert "raised*" not in told(bed.events)


@pytest.mark.parametrize("bpm", [0.0, 29.0, 221.0, 400.0, float("nan"), float("inf"), -72.0])
def test_what_is_no_rate_of_a_heart_says_nothing(bpm: float) -> None:
    assert said(72, bpm)[-1] == ()


@pytest.mark.parametrize("confidence", [0.0, 0.4, float("nan"), 7.0])
def test_an_unsure_rate_says_nothing(confidence: float) -> None:
    assert said(180, confidence=confidence) == [()]


def test_a_window_that_tells_no_rate_or_is_not_good_changes_nothing() -> None:
    known = follow(None, window(0, at_s=5), BUILT_IN)
    for nothing in (window(1, at_s=8, bpm=None), window(1, at_s=8, bpm=150, verdict="poor")):
        assert follow(known, nothing, BUILT_IN) is known
        assert list(of_rate(known, nothing, BUILT_IN)) == []


def test_another_patient_has_another_rate() -> None:
    bed = Bedside()
    bed.windows(3, bpm=72)
    assert bed.state.rate is not None
    bed.assignment = msgspec.structs.replace(ANN, assignment_id="a2", patient_id="p2")
    bed.wait(1)
    assert bed.state.rate is None
