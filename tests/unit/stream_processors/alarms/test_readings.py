"""What a window says is a function of the window and the limits; quality's words are known."""

import msgspec
import numpy as np
import numpy.typing as npt

from models.quality import assess
from models.quality_indices import measure
from models.verdict import Assessment
from stream_processors.alarms.limits import BUILT_IN, Limits
from stream_processors.alarms.readings import of_result
from stream_processors.records import WindowResult
from tests.unit.stream_processors.alarms.bedside import window


def said(
    given: WindowResult, limits: Limits = BUILT_IN, *, contact: bool | None = True
) -> dict[str, bool | None]:
    readings = of_result(given, limits, contact=contact)
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


def test_no_beats_beside_a_noise_are_no_lost_heart() -> None:
    alone = window(0, at_s=5, verdict="unusable", reasons=("no periodic heart sound",))
    noisy = window(
        0, at_s=5, verdict="unusable", reasons=("speech covers it", "no periodic heart sound")
    )
    assert said(alone)["heart_lost"] is True
    assert "heart_lost" not in said(noisy)


def test_beats_that_are_hard_to_make_out_are_no_lost_heart() -> None:
    given = window(0, at_s=5, verdict="poor", reasons=("no periodic heart sound",))
    assert "heart_lost" not in said(given)


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
    assert said(window(0, at_s=5, abnormal=0.5))["finding/screen/abnormal"] is True


def test_probabilities_that_are_none_say_nothing() -> None:
    given = window(0, at_s=5, abnormal=float("nan"))
    assert "finding/screen/abnormal" not in said(given)
