"""Hearts that are too fast for the net are told by a second look, and no others."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import ingest.recordings
from models.dsp import windows_of
from models.fast_heart import hear_fast_too
from models.heart import hear
from models.predictor import OnnxPredictor
from models.registry import Registry
from models.sound_file import read_sound
from tests.unit.models import beats

FILES = sorted(Path(ingest.recordings.__path__[0]).glob("*.flac"))
FAST_BPM = (170.0, 180.0, 190.0, 200.0)


@pytest.fixture(scope="module")
def segmenter() -> OnnxPredictor:
    return Registry().segmenter()


@pytest.mark.parametrize("rate_bpm", [35.0, 60.0, 100.0, 140.0, *FAST_BPM])
def test_slow_and_fast_hearts_have_their_rate(segmenter: OnnxPredictor, rate_bpm: float) -> None:
    (heart,) = hear_fast_too(beats.sound(beats.steady(rate_bpm)), segmenter.predict)
    assert heart is not None
    assert heart.rate_bpm == pytest.approx(rate_bpm, abs=5)


@pytest.mark.parametrize("rate_bpm", FAST_BPM)
def test_each_sound_of_a_fast_heart_is_told_once_and_where_it_is(
    segmenter: OnnxPredictor, rate_bpm: float
) -> None:
    onsets_s = beats.steady(rate_bpm)
    (heart,) = hear_fast_too(beats.sound(onsets_s), segmenter.predict)
    assert heart is not None
    for told_s, middles_s in (
        (heart.s1_s, onsets_s[:, :2].mean(axis=1)),
        (heart.s2_s, onsets_s[:, 2:].mean(axis=1)),
    ):
        inside_s = middles_s[(middles_s > 0.1) & (middles_s < beats.WINDOW_S - 0.1)]
        apart_s = np.abs(np.subtract.outer(inside_s, np.array(told_s)))
        assert (apart_s.min(axis=1) < 0.03).all()
        assert (np.diff(told_s) > 0.5 * 60 / rate_bpm).all()


@pytest.mark.parametrize(("seconds", "told"), [(3.9, False), (4.6, True), (4.9, True)])
@pytest.mark.parametrize("rate_bpm", [100.0, *FAST_BPM])
def test_a_short_recordings_heart_is_told_up_to_its_end(
    segmenter: OnnxPredictor, rate_bpm: float, seconds: float, told: bool
) -> None:
    sound = beats.sound(beats.steady(rate_bpm))
    sound[:, int(seconds * 2000) :] = 0.0
    (heart,) = hear_fast_too(sound, segmenter.predict, heard_s=seconds)
    assert (heart is not None) == told
    if heart is not None:
        assert heart.rate_bpm == pytest.approx(rate_bpm, abs=5)
        assert seconds - 1.0 < max(*heart.s1_s, *heart.s2_s) < seconds


@pytest.mark.parametrize("rate_bpm", [210.0, 220.0])
def test_the_fastest_are_never_told_at_half_their_rate(
    segmenter: OnnxPredictor, rate_bpm: float
) -> None:
    for seed in range(5):
        sound = beats.sound(beats.steady(rate_bpm, -1 - 0.05 * seed), seed=seed)
        (heart,) = hear_fast_too(sound, segmenter.predict)
        assert heart is None or heart.rate_bpm == pytest.approx(rate_bpm, rel=0.1)


def test_what_the_first_look_is_sure_of_stays_as_it_is(segmenter: OnnxPredictor) -> None:
    windows = np.concatenate([windows_of(*read_sound(file)).samples for file in FILES])
    first = hear(windows, segmenter.predict(windows))
    told = hear_fast_too(windows, segmenter.predict)
    assert sum(heart is not None for heart in first) > 100
    assert [one for one, own in zip(told, first, strict=True) if own is not None] == [
        own for own in first if own is not None
    ]


def test_windows_come_out_alike_in_any_company(segmenter: OnnxPredictor) -> None:
    fast = [beats.sound(beats.steady(rate_bpm)) for rate_bpm in (60.0, 180.0, 200.0, 220.0)]
    windows = np.concatenate([*fast, windows_of(*read_sound(FILES[0])).samples[:4]])
    together = hear_fast_too(windows, segmenter.predict)
    alone = [hear_fast_too(windows[k : k + 1], segmenter.predict)[0] for k in range(len(windows))]
    assert together == alone


@pytest.mark.parametrize("raw", beats.WITHOUT.values(), ids=beats.WITHOUT)
def test_sound_without_a_heart_is_no_fast_heart(
    segmenter: OnnxPredictor, raw: npt.NDArray[np.int16]
) -> None:
    told = hear_fast_too(windows_of(raw, 2000).samples, segmenter.predict)
    assert all(heart is None or heart.rate_bpm < 165 for heart in told)
    assert sum(heart is not None for heart in told) <= 1
