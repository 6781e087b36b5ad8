"""The shipped model on the packaged recordings: overlapping windows hear the same heart."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import ingest.recordings
from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.dsp import windows_of
from models.errors import ModelError
from models.heart import hear
from models.predictor import OnnxPredictor
from models.recording_heart import whole
from models.registry import MANIFEST, Registry
from models.rhythm import Heart
from models.segmentation import STATES
from models.sound_file import read_sound
from tests.unit.models import beats

HOP_S, WINDOW_S = PIPELINE_GRID.hop_s, PIPELINE_GRID.window_s
FILES = sorted(Path(ingest.recordings.__path__[0]).glob("*.flac"))
_SAME_S = 0.0205  # 20 ms, and what rounding to milliseconds adds


@pytest.fixture(scope="module")
def segmenter() -> OnnxPredictor:
    return Registry().segmenter()


@pytest.fixture(scope="module")
def hearts(segmenter: OnnxPredictor) -> dict[str, list[Heart | None]]:
    windows = {file.stem: windows_of(*read_sound(file)).samples for file in FILES}
    return {name: hear(own, segmenter.predict(own)) for name, own in windows.items()}


def test_it_takes_the_pipeline_s_windows(segmenter: OnnxPredictor) -> None:
    assert segmenter.contract.fits(PIPELINE_GRID, PIPELINE_FILTER)
    assert segmenter.contract.labels == STATES


def test_nearly_all_windows_of_real_hearts_are_answered(
    hearts: dict[str, list[Heart | None]],
) -> None:
    every = [heart for own in hearts.values() for heart in own]
    assert np.mean([heart is not None for heart in every]) > 0.85


def test_overlapping_windows_agree_on_the_same_beats(
    hearts: dict[str, list[Heart | None]],
) -> None:
    apart_s = []
    for own in hearts.values():
        for earlier, later in pairwise(own):
            if earlier is None or later is None:
                continue
            for one, other in ((earlier.s1_s, later.s1_s), (earlier.s2_s, later.s2_s)):
                inside = [at_s - HOP_S for at_s in one if HOP_S + 0.1 < at_s < WINDOW_S - 0.1]
                apart_s += [min((abs(at_s - o) for o in other), default=9.0) for at_s in inside]
    assert len(apart_s) > 200
    assert np.mean(np.array(apart_s) <= _SAME_S) > 0.95


def test_a_recording_has_one_rate_and_each_beat_once(
    hearts: dict[str, list[Heart | None]],
) -> None:
    for own in hearts.values():
        found = whole(own)
        if found is None:
            continue
        s1_s = np.array(found.s1_s)
        assert (np.diff(s1_s) > 0.2).all()
        if None not in own:
            assert np.median(60 / np.diff(s1_s)) == pytest.approx(found.rate_bpm, rel=0.1)


def test_windows_come_out_alike_in_any_company(segmenter: OnnxPredictor) -> None:
    own = np.concatenate([windows_of(*read_sound(file)).samples[:4] for file in FILES[:3]])
    together = hear(own, segmenter.predict(own))
    for k in range(len(own)):
        one = own[k : k + 1]
        assert hear(one, segmenter.predict(one))[0] == together[k]


@pytest.mark.parametrize("raw", beats.WITHOUT.values(), ids=beats.WITHOUT)
def test_sound_without_a_heart_has_no_rate(
    segmenter: OnnxPredictor, raw: npt.NDArray[np.int16]
) -> None:
    windows = windows_of(raw, 2000).samples
    told = hear(windows, segmenter.predict(windows))
    assert sum(heart is not None for heart in told) <= 1


def test_a_folder_without_such_a_model_says_so(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"models": []}')
    with pytest.raises(ModelError, match="no model of task segment"):
        Registry(tmp_path).segmenter()
