"""What is suggested, in plain words."""

import pytest

from dashboards.console.recordings.follow_up import DISCLAIMER, suggest
from models.answer import FileAnswer, ModelAnswer
from models.recording_heart import RecordingHeart
from models.recording_quality import RecordingQuality
from models.verdict import Verdict


def _answer(
    abnormal: float,
    *,
    verdict: Verdict = "good",
    reasons: tuple[str, ...] = (),
    rate_bpm: float = 70,
) -> FileAnswer:
    screen = ModelAnswer(
        version="1",
        label="abnormal" if abnormal > 0.5 else "normal",
        probabilities={"normal": 1 - abnormal, "abnormal": abnormal},
        windows=(),
        abstained=verdict == "unusable",
    )
    quality = RecordingQuality(
        score=0.5, verdict=verdict, reasons=reasons, usable_windows=3, windows=()
    )
    return FileAnswer(
        path="a",
        duration_s=10,
        inference_ms=1,
        quality=quality,
        models={"screen": screen},
        heart=RecordingHeart(rate_bpm=rate_bpm, confidence=0.9, s1_s=(), s2_s=()),
    )


@pytest.mark.parametrize(
    ("abnormal", "kind"), [(0.9, "look"), (0.5, "again"), (0.6, "again"), (0.1, "none")]
)
def test_how_sure_the_model_is_decides_what_is_suggested(abnormal: float, kind: str) -> None:
    assert suggest(_answer(abnormal)).kind == kind


def test_an_unusable_signal_is_recorded_again_with_its_remedy() -> None:
    found = suggest(_answer(0.9, verdict="unusable", reasons=("12.0% of the sound is clipped",)))
    assert found.kind == "again"
    assert "lower the recording level" in " ".join(found.steps)
    assert "90" not in " ".join(found.steps)


def test_a_fast_heart_is_looked_at_though_it_sounds_normal() -> None:
    found = suggest(_answer(0.1, rate_bpm=140))
    assert found.kind == "look"
    assert "fast (140 bpm)" in " ".join(found.steps)


def test_the_disclaimer_says_what_this_is() -> None:
    assert "not a medical device" in DISCLAIMER
