from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from scipy.signal import resample_poly

from models.contract import SAMPLE_RATES_HZ
from models.errors import UserError
from models.sound_file import read_sound, sounds_below
from tests.unit.models.test_classify import heart, saved


def stereo(left: npt.NDArray[np.int16], right: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    return np.stack([left, right], axis=1)


@pytest.mark.parametrize(
    "how",
    [
        {"format": "FLAC"},
        {"format": "WAV", "subtype": "PCM_24"},
        {"format": "WAV", "subtype": "PCM_32"},
        {"format": "WAV", "subtype": "FLOAT"},
        {"format": "WAV", "subtype": "DOUBLE"},
        {"format": "AIFF"},
    ],
)
def test_lossless_formats_give_the_same_samples(tmp_path: Path, how: dict[str, str]) -> None:
    sound = heart(6.0, 4000)
    path = saved(tmp_path, sound / 2**15, 4000, **how)
    samples, rate_hz = read_sound(path)
    assert rate_hz == 4000
    assert np.array_equal(samples, sound)


@pytest.mark.parametrize(("kind", "rate_hz"), [("OGG", 8000), ("MP3", 44100)])
def test_lossy_formats_give_nearly_the_same_samples(
    tmp_path: Path, kind: str, rate_hz: int
) -> None:
    sound = heart(6.0, rate_hz)
    samples, read_hz = read_sound(saved(tmp_path, sound, rate_hz, format=kind))
    assert read_hz == rate_hz
    assert np.corrcoef(samples[: len(sound)], sound[: len(samples)])[0, 1] > 0.95


def test_what_is_louder_than_full_scale_is_clipped(tmp_path: Path) -> None:
    loud = np.array([-1.5, -1.0, 0.0, 0.5, 1.5], np.float32)
    samples, _ = read_sound(saved(tmp_path, loud, 2000, subtype="FLOAT"))
    assert samples.tolist() == [-32768, -32768, 0, 16384, 32767]


def test_several_channels_are_averaged(tmp_path: Path) -> None:
    sound = heart(3.0, 2000)
    samples, _ = read_sound(saved(tmp_path, stereo(sound, np.zeros_like(sound)), 2000))
    assert np.abs(samples - sound / 2).max() <= 0.5
    eight, _ = read_sound(saved(tmp_path, np.tile(sound[:, None], 8), 2000))
    assert np.array_equal(eight, sound)


@pytest.mark.parametrize(
    ("rate_hz", "read_hz"), [(1500, 2000), (11025, 16000), (22050, 44100), (96000, 48000)]
)
def test_a_rate_that_the_wire_does_not_know_is_brought_to_one_that_it_knows(
    tmp_path: Path, rate_hz: int, read_hz: int
) -> None:
    time_s = np.arange(4 * rate_hz) / rate_hz
    tone = (8000 * np.sin(2 * np.pi * 150 * time_s)).astype(np.int16)
    samples, found_hz = read_sound(saved(tmp_path, tone, rate_hz))
    assert found_hz == read_hz
    assert found_hz in SAMPLE_RATES_HZ
    assert len(samples) == 4 * read_hz
    expected = 8000 * np.sin(2 * np.pi * 150 * np.arange(len(samples)) / read_hz)
    middle = slice(read_hz, 3 * read_hz)
    assert np.abs(samples - expected)[middle].max() < 0.01 * 8000


def test_a_rate_of_the_wire_keeps_its_samples(tmp_path: Path) -> None:
    sound = heart(2.0, 44100)
    assert np.array_equal(read_sound(saved(tmp_path, sound, 44100))[0], sound)


def test_resampled_sound_does_not_wrap_around(tmp_path: Path) -> None:
    square = np.where(np.arange(6000) // 30 % 2, 32767, -32768).astype(np.int16)
    samples, _ = read_sound(saved(tmp_path, square, 3000))
    overshooting = resample_poly(square.astype(float), 4, 3)
    assert overshooting.max() > 32767
    assert samples.max() == 32767
    assert (np.sign(samples[overshooting > 32767]) == 1).all()


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as refused:
        read_sound(path)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("rate_hz", [500, 384_000])
def test_a_rate_at_which_no_heart_is_recorded_is_refused(tmp_path: Path, rate_hz: int) -> None:
    path = saved(tmp_path, np.zeros(9000, np.int16), rate_hz)
    assert f"has {rate_hz} samples a second, resample it to 1000 to 192000" in refusal(path)


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    assert "holds no sound" in refusal(saved(tmp_path, np.zeros(0, np.int16), 2000))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path: Path, value: float) -> None:
    sound = np.zeros(9000, np.float32)
    sound[4000] = value
    assert "not numbers" in refusal(saved(tmp_path, sound, 2000, subtype="FLOAT"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refusal(tmp_path / "gone.wav")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder: name the recordings in it" in refusal(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert "is empty" in refusal(tmp_path / "empty.wav")


@pytest.mark.parametrize("content", [b"RIFF", b"some text that is no sound at all"])
def test_a_file_that_is_no_sound_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    assert "cannot be read as WAV, FLAC, OGG or MP3" in refusal(path)


def test_a_flac_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, heart(20.0, 2000), 2000, format="FLAC")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cannot be read" in refusal(path)


def test_a_folder_is_walked_by_name_and_hidden_files_are_passed_by(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".cache").mkdir()
    for name in ("c.WAV", "a.flac", "b/d.mp3", "notes.txt", "._a.flac", ".cache/e.wav"):
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in sounds_below(tmp_path)]
    assert found == ["a.flac", "c.WAV", "b/d.mp3"]


def test_soundfile_knows_every_kind_that_is_looked_for() -> None:
    known = {name.lower() for name in soundfile.available_formats()}
    assert {"wav", "flac", "ogg", "mp3", "aiff"} <= known
