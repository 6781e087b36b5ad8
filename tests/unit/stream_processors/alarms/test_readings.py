"""What a window says is a function of the window and the limits; quality's words are known."""

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from models.quality import assess
from models.quality_indices import measure
from models.verdict import Assessment
from stream_processors.alarms.limits import BUILT_IN, Limits
from stream_processors.alarms.loudness import usual_after
from stream_processors.alarms.readings import of_result
from stream_processors.records import WindowResult
from tests.unit.stream_processors.alarms.bedside import window


def said(
    given: WindowResult,
    limits: Limits = BUILT_IN,
    *,
    contact: bool | None = True,
    usual_peak: float | None = None,
) -> dict[str, bool | None]:
    readings = of_result(given, limits, contact=contact, usual_peak=usual_peak)
    return {reading.condition: reading.holds for reading in readings}


def judged(sound: npt.NDArray[np.float64], gap_fraction: float = 0.0) -> Assessment:
    """A window's length of sound, shape (10000,), of full scale 1."""
    raw = (sound * 2**15).astype(np.int16)[np.newaxis]
    levels = measure(raw, sound.astype(np.float32)[np.newaxis])
    return assess(levels, [gap_fraction])[0]


def test_silence_as_quality_words_it_is_a_lost_heart_where_there_is_contact() -> None:
    for sound in (np.zeros(10000), np.random.default_rng(1).normal(0, 1e-4, 10000)):
        assessment = judged(sound)
        given = window(0, at_s=5, verdict=assessment.verdict, reasons=assessment.reasons)
        assert said(given)["heart_lost"] is True, assessment.reasons
        assert "heart_lost" not in said(given, contact=False)


NO_BEATS = ("no periodic heart sound",)


def quiet(verdict: str = "unusable", reasons: tuple[str, ...] = NO_BEATS) -> WindowResult:
    """A window whose filtered sound peaks at 0.01 of full scale."""
    given = window(0, at_s=5, verdict=verdict, reasons=reasons)
    strip = msgspec.structs.replace(given.strip, full_scale=0.01)
    return msgspec.structs.replace(given, strip=strip)


def test_no_beats_where_it_is_much_quieter_than_usual_are_a_lost_heart() -> None:
    assert said(quiet(), usual_peak=0.1)["heart_lost"] is True


def test_no_beats_where_it_is_as_loud_as_ever_are_covered_by_noise() -> None:
    assert "heart_lost" not in said(quiet(), usual_peak=0.015)
    assert "heart_lost" not in said(quiet(), usual_peak=None)


def test_no_beats_beside_a_noise_are_no_lost_heart() -> None:
    noisy = quiet(reasons=("speech covers it", *NO_BEATS))
    assert "heart_lost" not in said(noisy, usual_peak=0.1)


def test_beats_that_are_hard_to_make_out_are_no_lost_heart() -> None:
    assert "heart_lost" not in said(quiet("poor"), usual_peak=0.1)


def test_what_is_usual_follows_good_windows_alone_and_forgets() -> None:
    loud = window(0, at_s=5)
    assert usual_after(None, loud) == 1.0
    assert usual_after(1.0, quiet()) == 1.0
    assert usual_after(1.0, quiet("good", ())) == pytest.approx(0.01**0.2)
    broken = msgspec.structs.replace(loud.strip, full_scale=float("nan"))
    assert usual_after(0.3, msgspec.structs.replace(loud, strip=broken)) == 0.3


def test_a_gap_is_no_lost_heart() -> None:
    assessment = judged(np.zeros(10000), 0.5)
    given = window(0, at_s=5, verdict=assessment.verdict, reasons=assessment.reasons)
    gapped = msgspec.structs.replace(given, gap_fraction=0.5)
    assert "heart_lost" not in said(gapped)


def test_every_label_but_the_healthy_ones_is_a_condition_of_its_own() -> None:
    valve = {"AS": 0.9, "MR": 0.03, "N": 0.07}
    found = said(window(0, at_s=5, model="valve", probabilities=valve))
    assert found["finding/valve/AS"] is True
    assert found["finding/valve/MR"] is False
    assert "finding/valve/N" not in found


def test_the_limit_itself_is_beyond_it_for_a_finding() -> None:
    given = window(0, at_s=5, abnormal=BUILT_IN.finding_probability)
    assert said(given)["finding/screen/abnormal"] is True


def test_probabilities_that_are_none_say_nothing() -> None:
    given = window(0, at_s=5, abnormal=float("nan"))
    assert "finding/screen/abnormal" not in said(given)
