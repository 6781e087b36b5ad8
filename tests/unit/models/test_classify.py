from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from models.classify import RecordingResult, classify_file, overall, read_sound
from models.dsp import block_filter, join
from models.errors import UserError
from models.registry import Registry

Int16s = npt.NDArray[np.int16]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry()


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
    tmp_path: Path, registry: Registry, rate_hz: int
) -> None:
    sound = heart(21.3, rate_hz)
    result = classify_file(saved(tmp_path, sound, rate_hz), registry)
    filters, model = block_filter(rate_hz), registry.defaults()[0]
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


def test_a_result_has_every_window_its_quality_and_a_summary(
    tmp_path: Path, registry: Registry
) -> None:
    result = classify_file(saved(tmp_path, heart(12.0, 2000), 2000), registry)
    assert [window.start_s for window in result.windows] == [0.0, 2.5, 5.0]
    assert {window.quality.verdict for window in result.windows} == {"good"}
    assert result.usable_windows == 3
    assert result.duration_s == 12.0
    summary = result.summary[0]
    assert summary.probabilities["abnormal"] == pytest.approx(np.mean(abnormal(result)))
    assert summary.probability == max(summary.probabilities.values())
    assert summary.probabilities[summary.label] == summary.probability


@pytest.mark.parametrize(
    "how",
    [
        {"format": "FLAC"},
        {"format": "WAV", "subtype": "PCM_24"},
        {"format": "WAV", "subtype": "FLOAT"},
    ],
)
def test_lossless_formats_give_the_same_samples(tmp_path: Path, how: dict[str, str]) -> None:
    sound = heart(6.0, 4000)
    path = saved(tmp_path, (sound / 2**15).astype(np.float32), 4000, **how)
    samples, rate_hz = read_sound(path)
    assert rate_hz == 4000
    assert np.array_equal(samples, sound)


def test_ogg_gives_nearly_the_same_samples(tmp_path: Path) -> None:
    sound = heart(6.0, 8000)
    samples, _ = read_sound(saved(tmp_path, sound, 8000, format="OGG"))
    assert np.corrcoef(samples, sound)[0, 1] > 0.95


def test_a_recording_shorter_than_a_window_is_classified_and_says_what_is_missing(
    tmp_path: Path, registry: Registry
) -> None:
    result = classify_file(saved(tmp_path, heart(4.5, 2000), 2000), registry)
    assert len(result.windows) == 1
    assert result.windows[0].gap_fraction == pytest.approx(0.1)


def test_silence_has_a_result_without_a_usable_window(tmp_path: Path, registry: Registry) -> None:
    result = classify_file(saved(tmp_path, np.zeros(20000, np.int16), 2000), registry)
    assert result.usable_windows == 0
    assert len(result.summary) == 1


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as refused:
        read_sound(path)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_a_rate_that_the_wire_does_not_know_is_refused_with_those_it_knows(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros(9000, np.int16), 3000)
    assert "has 3000 samples a second, resample it to one of (1000, 2000," in refusal(path)


def test_stereo_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros((9000, 2), np.int16), 2000)
    assert "has 2 channels, give it one" in refusal(path)


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    assert "holds no sound" in refusal(saved(tmp_path, np.zeros(0, np.int16), 2000))


def test_samples_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    sound = np.full(9000, np.nan, np.float32)
    assert "not numbers" in refusal(saved(tmp_path, sound, 2000, subtype="FLOAT"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "gone.wav")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"some text that is no sound at all"])
def test_a_file_that_is_no_sound_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    assert "cannot be read as WAV, FLAC or OGG" in refusal(path)


def test_unusable_windows_do_not_speak_for_a_recording() -> None:
    rows = np.array([[0.9, 0.1], [0.1, 0.9], [0.7, 0.3]])
    assert overall(rows, np.array([True, False, True])) == pytest.approx([0.8, 0.2])


def test_where_no_window_is_usable_all_of_them_speak() -> None:
    rows = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert overall(rows, np.array([False, False])) == pytest.approx([0.5, 0.5])
