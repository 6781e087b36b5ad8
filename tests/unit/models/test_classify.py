import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from models.answer import answer_of
from models.classify import RecordingResult, classify_file, overall
from models.contract import FilterSpec, ModelContract, Scaling
from models.dsp import block_filter, hear, join
from models.predictor import OnnxPredictor, Predictor
from models.recording import Recording
from models.registry import Registry
from tests.unit.models import tiny

Int16s = npt.NDArray[np.int16]


@pytest.fixture(scope="module")
def shipped() -> Sequence[Predictor]:
    return Registry().defaults()


def model_of(**contract: Any) -> OnnxPredictor:
    """Says abnormal the louder a window is; other than `tiny.CONTRACT` in what is given."""
    return OnnxPredictor(tiny.artifact(msgspec.structs.replace(tiny.CONTRACT, **contract)))


def heart(seconds: float, rate_hz: int) -> Int16s:
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    sound = np.random.default_rng(0).standard_normal(len(time_s)) * 60
    for start_s, tone_hz in ((0.1, 60), (0.42, 90)):
        beats = np.exp(-(((time_s % 0.85) - start_s) ** 2) / 5e-4)
        sound += 9000 * beats * np.sin(2 * np.pi * tone_hz * time_s)
    return sound.astype(np.int16)


def saved(folder: Path, sound: npt.NDArray[np.number], rate_hz: int, **how: str) -> Path:
    path = folder / ("sound." + how.get("format", "wav").lower())
    soundfile.write(path, sound, rate_hz, **how)
    return path


def abnormal(result: RecordingResult) -> list[float]:
    return [window.opinions[0].probabilities["abnormal"] for window in result.windows]


@pytest.mark.parametrize("rate_hz", [2000, 4000, 8000])
def test_a_file_gives_the_probabilities_of_its_stream_bit_for_bit(
    tmp_path: Path, shipped: Sequence[Predictor], rate_hz: int
) -> None:
    sound = heart(21.3, rate_hz)
    result = classify_file(saved(tmp_path, sound, rate_hz), shipped)
    filters, model = block_filter(rate_hz), shipped[0]
    padded = np.concatenate([np.zeros(filters.source_preroll, np.int16), sound])
    blocks = [
        filters(padded[first : first + filters.source_preroll + filters.source_hop])
        for first in range(0, len(sound) - filters.source_hop + 1, filters.source_hop)
    ]
    alone = [
        float(model.predict(join(*(block[np.newaxis] for block in pair)))[0, 1])
        for pair in pairwise(blocks)
    ]
    assert abnormal(result) == alone


def test_how_far_a_sound_is_from_what_a_model_knows_is_told_where_the_model_tells_it(
    tmp_path: Path,
) -> None:
    sound = heart(12.0, 2000)
    sound[:10000] //= 4
    telling = OnnxPredictor(tiny.artifact(tells_distance=True))
    result = classify_file(saved(tmp_path, sound, 2000), [telling, model_of(name="mute")])
    heard = Recording(sound, 2000).windows(tiny.CONTRACT)
    rms = np.sqrt(np.square(heard).mean(axis=1))
    said = [window.opinions[0].embedding_distance for window in result.windows]
    assert said == pytest.approx(rms.tolist(), rel=1e-5)
    assert said[0] != said[2]
    answer = msgspec.json.decode(msgspec.json.encode(answer_of(result)))
    own = answer["models"]["tiny"]
    assert own["embedding_distance"] == pytest.approx(rms.mean(), rel=1e-5)
    assert [each["embedding_distance"] for each in own["windows"]] == said
    mute = answer["models"]["mute"]
    assert not {"embedding_distance"} & (mute.keys() | mute["windows"][0].keys())


def test_a_result_has_every_window_its_quality_and_a_summary(
    tmp_path: Path, shipped: Sequence[Predictor]
) -> None:
    result = classify_file(saved(tmp_path, heart(12.0, 2000), 2000), shipped)
    assert [window.start_s for window in result.windows] == [0.0, 2.5, 5.0]
    assert {window.quality.verdict for window in result.windows} == {"good"}
    assert result.duration_s == 12.0
    summary = result.summary[0]
    assert (summary.usable_windows, summary.windows) == (3, 3)
    assert summary.probabilities["abnormal"] == pytest.approx(np.mean(abnormal(result)))
    assert summary.probability == max(summary.probabilities.values())
    assert summary.probabilities[summary.label] == summary.probability


# What a contract may ask for, and how many windows it makes of 12 s; the pipeline has 3.
GRIDS = [
    pytest.param({"sample_rate_hz": 1000, "window_s": 2.0, "hop_s": 1.0}, 11, id="1 kHz, 2 s"),
    pytest.param({"window_s": 3.0, "hop_s": 2.0}, 5, id="not two hops"),
    pytest.param({"window_s": 4.0, "hop_s": 4.0}, 3, id="no overlap"),
    pytest.param({"window_s": 1.0, "hop_s": 4.0}, 3, id="with pauses"),
    pytest.param({"window_s": 12.0, "hop_s": 1.0}, 1, id="the whole"),
    pytest.param({"sample_rate_hz": 800, "window_s": 0.2, "hop_s": 0.15}, 79, id="800 Hz, 0.2 s"),
    pytest.param({"sample_rate_hz": 22050, "window_s": 2.0, "hop_s": 1.0}, 11, id="22 kHz"),
    pytest.param({"filter": FilterSpec(kind="none")}, 3, id="no filter"),
]
NARROW = FilterSpec(kind="bandpass", low_hz=30.0, high_hz=200.0, order=3)


@pytest.mark.parametrize("rate_hz", [1000, 2000, 44100])
@pytest.mark.parametrize(("grid", "windows"), GRIDS)
def test_a_model_of_any_grid_gets_the_windows_of_its_contract(
    tmp_path: Path, grid: dict[str, Any], windows: int, rate_hz: int
) -> None:
    model = model_of(**({"filter": NARROW} | grid))
    result = classify_file(saved(tmp_path, heart(12.0, rate_hz), rate_hz), [model])
    contract = model.contract
    assert [w.start_s for w in result.windows] == pytest.approx(
        [k * contract.hop_s for k in range(windows)]
    )
    assert {window.window_s for window in result.windows} == {contract.window_s}
    assert result.summary[0].windows == windows


def loudness(sound: npt.NDArray[np.float32], contract: ModelContract) -> list[float]:
    """What `tiny` says of each window of a sound that was filtered whole."""
    ends = range(contract.window_samples, len(sound) + 1, contract.hop_samples)
    power = [np.mean(np.square(sound[end - contract.window_samples : end])) for end in ends]
    return [float(1 / (1 + np.exp(-2 * p))) for p in power]


@pytest.mark.parametrize("rate_hz", [2000, 8000])
def test_the_windows_of_another_grid_hold_the_sound_at_their_place(
    tmp_path: Path, rate_hz: int
) -> None:
    model = model_of(
        sample_rate_hz=1000,
        window_s=2.0,
        hop_s=1.0,
        filter=NARROW,
        scaling=Scaling(kind="none", clip=1.0),
    )
    growing = (heart(9.5, rate_hz) * np.linspace(0, 3, int(9.5 * rate_hz))).astype(np.int16)
    result = classify_file(saved(tmp_path, growing, rate_hz), [model])
    expected = loudness(hear(growing, rate_hz, NARROW, 1000), model.contract)
    assert len(expected) == 8
    assert expected[-1] > expected[0] + 0.005
    assert abnormal(result) == pytest.approx(expected, abs=1e-6)


def test_a_recording_shorter_than_a_window_of_another_grid_is_filled_up(tmp_path: Path) -> None:
    model = model_of(window_s=30.0, hop_s=10.0)
    result = classify_file(saved(tmp_path, heart(12.0, 2000), 2000), [model])
    assert [window.gap_fraction for window in result.windows] == [pytest.approx(0.6)]
    assert result.windows[0].quality.verdict == "good"


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0.3, "unusable"), (1.2, "poor"), (2.0, "good"), (3.0, "good")]
)
def test_a_short_recording_is_judged_by_what_it_holds(
    tmp_path: Path, shipped: Sequence[Predictor], seconds: float, verdict: str
) -> None:
    (window,) = classify_file(saved(tmp_path, heart(seconds, 2000), 2000), shipped).windows
    assert window.quality.verdict == verdict
    said = any(reason.startswith("too short: ") for reason in window.quality.reasons)
    assert said == (verdict != "good")


@pytest.mark.parametrize(("seconds", "told"), [(3.9, False), (4.3, True)])
def test_a_short_recordings_heart_has_no_sounds_behind_its_end(
    tmp_path: Path, seconds: float, told: bool
) -> None:
    segmenter = Registry().named("segment")
    found = classify_file(saved(tmp_path, heart(seconds, 2000), 2000), [segmenter]).heart
    assert (found is not None) == told
    if found is not None:
        assert found.rate_bpm == pytest.approx(60 / 0.85, rel=0.05)
        assert max(*found.s1_s, *found.s2_s) < seconds


def test_only_the_windows_of_another_grid_that_hold_a_fault_are_unusable(tmp_path: Path) -> None:
    sound = heart(12.0, 4000)
    sound[4 * 4000 : 6 * 4000] = 0
    model = model_of(sample_rate_hz=1000, window_s=2.0, hop_s=1.0)
    result = classify_file(saved(tmp_path, sound, 4000), [model])
    verdicts = [window.quality.verdict for window in result.windows]
    assert verdicts == ["good"] * 3 + ["unusable"] * 3 + ["good"] * 5
    assert result.summary[0].usable_windows == 8


def test_models_of_several_grids_have_their_own_windows_and_summaries(
    tmp_path: Path, shipped: Sequence[Predictor]
) -> None:
    short = {"window_s": 2.0, "hop_s": 1.0}
    models = [
        model_of(name="a", sample_rate_hz=1000, **short),
        *shipped,
        model_of(name="b", **short),
    ]
    path = saved(tmp_path, heart(12.0, 2000), 2000)
    result = classify_file(path, models)
    assert {summary.model: summary.windows for summary in result.summary} == {
        "a": 11,
        "b": 11,
        "screen": 3,
    }
    said = {(w.window_s, tuple(opinion.model for opinion in w.opinions)) for w in result.windows}
    assert said == {(2.0, ("a", "b")), (5.0, ("screen",))}
    ours = [window for window in result.windows if window.window_s == 5.0]
    assert tuple(ours) == classify_file(path, shipped).windows


def test_a_recording_shorter_than_a_window_is_classified_and_says_what_is_missing(
    tmp_path: Path, shipped: Sequence[Predictor]
) -> None:
    result = classify_file(saved(tmp_path, heart(4.5, 2000), 2000), shipped)
    assert len(result.windows) == 1
    assert result.windows[0].gap_fraction == pytest.approx(0.1)


def test_a_recordings_quality_is_judged_on_the_wards_grid_whatever_the_models_hear(
    tmp_path: Path,
) -> None:
    sound = heart(12.0, 4000)
    sound[: 4 * 4000] = 0
    model = model_of(sample_rate_hz=1000, window_s=2.0, hop_s=1.0)
    quality = classify_file(saved(tmp_path, sound, 4000), [model]).quality
    assert [window.start_s for window in quality.windows] == [0.0, 2.5, 5.0]
    assert [window.verdict for window in quality.windows] == ["unusable", "poor", "good"]
    assert (quality.verdict, quality.usable_windows) == ("poor", 2)
    assert quality.reasons[0] == "no contact: no signal for 80% of the time"


def test_silence_has_a_result_without_a_usable_window(
    tmp_path: Path, shipped: Sequence[Predictor]
) -> None:
    result = classify_file(saved(tmp_path, np.zeros(20000, np.int16), 2000), shipped)
    assert [summary.usable_windows for summary in result.summary] == [0]


def test_a_name_that_is_no_text_is_read_and_shown_as_far_as_it_can_be(
    tmp_path: Path, shipped: Sequence[Predictor]
) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    saved(tmp_path, heart(5.0, 2000), 2000).rename(path)
    assert classify_file(path, shipped).path.endswith("caf\ufffd.wav")


def test_unusable_windows_do_not_speak_for_a_recording() -> None:
    rows = np.array([[0.9, 0.1], [0.1, 0.9], [0.7, 0.3]])
    assert overall(rows, np.array([True, False, True])) == pytest.approx([0.8, 0.2])


def test_where_no_window_is_usable_all_of_them_speak() -> None:
    rows = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert overall(rows, np.array([False, False])) == pytest.approx([0.5, 0.5])
