"""What a simulated device hears has the rate, the level and the noise that was asked for."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.sounds import (
    PACKAGED,
    Sound,
    load,
    looped,
    recordings,
    resample,
    synthetic,
    with_noise,
)
from models.errors import UserError


def tone(frequency_hz: float, rate_hz: int, *, level: float = 8000.0) -> npt.NDArray[np.int16]:
    time_s = np.arange(10 * rate_hz) / rate_hz
    return np.rint(level * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.int16)


def level_db(samples: npt.NDArray[np.int16], frequency_hz: float, rate_hz: int) -> float:
    """Level of one frequency, 0 dB for the tone above."""
    middle = samples[rate_hz : 9 * rate_hz].astype(np.float64)
    phase = np.exp(-2j * np.pi * frequency_hz * np.arange(len(middle)) / rate_hz)
    return float(20 * np.log10(2 * abs(np.mean(middle * phase)) / 8000.0 + 1e-9))


def test_the_packaged_recordings_are_normal_and_abnormal_and_stay_under_8_mb() -> None:
    files = recordings(PACKAGED)
    index = (PACKAGED / "index.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",")[0] for line in index] == [path.name for path in files]
    assert {line.split(",")[1] for line in index} == {"normal", "abnormal"}
    assert sum(path.stat().st_size for path in PACKAGED.iterdir()) < 8_000_000


def test_a_recording_at_the_devices_own_rate_keeps_every_sample() -> None:
    path = recordings(PACKAGED)[0]
    sound = load(path, 2000)
    np.testing.assert_array_equal(sound.samples, soundfile.read(path, dtype="int16")[0])
    assert (sound.name, sound.sample_rate_hz) == (path.stem, 2000)


@pytest.mark.parametrize("rate_hz", [1000, 4000, 8000, 44100])
@pytest.mark.parametrize("frequency_hz", [30.0, 100.0, 400.0])
def test_a_change_of_rate_keeps_the_level_of_heart_sounds(
    rate_hz: int, frequency_hz: float
) -> None:
    resampled = resample(tone(frequency_hz, 2000), 2000, rate_hz)
    assert len(resampled) == 10 * rate_hz
    assert level_db(resampled, frequency_hz, rate_hz) == pytest.approx(0.0, abs=0.2)


def test_what_a_lower_rate_cannot_carry_is_removed_and_not_folded_back() -> None:
    resampled = resample(tone(1700.0, 8000), 8000, 2000)
    assert level_db(resampled, 300.0, 2000) < -50.0


def test_of_several_channels_the_first_is_heard(tmp_path: Path) -> None:
    left = tone(50.0, 2000)
    soundfile.write(tmp_path / "two.wav", np.column_stack([left, left // 2]), 2000, "PCM_16")
    np.testing.assert_array_equal(load(tmp_path / "two.wav", 2000).samples, left)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_a_recording_of_floating_point_is_no_silence(tmp_path: Path, subtype: str) -> None:
    steps = tone(50.0, 2000)
    soundfile.write(tmp_path / "float.wav", steps / 2**15, 2000, subtype)
    np.testing.assert_array_equal(load(tmp_path / "float.wav", 2000).samples, steps)


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"fLaC but not quite")
    with pytest.raises(UserError, match=r"recording .*broken\.flac cannot be read .*repair"):
        load(broken, 2000)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, dtype=np.int16), 2000)
    with pytest.raises(UserError, match=r"recording .*empty\.wav holds no sound: repair"):
        load(tmp_path / "empty.wav", 2000)


def test_a_folder_that_is_missing_or_has_no_sound_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere cannot be read"):
        recordings(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"holds no \.wav or \.flac file"):
        recordings(tmp_path)
    with pytest.raises(UserError, match=r"notes\.txt cannot be read"):
        recordings(tmp_path / "notes.txt")


@settings(max_examples=25, deadline=None)
@given(st.floats(-5.0, 40.0), st.integers(0, 2**32 - 1), st.sampled_from([2000.0, 32000.0]))
def test_noise_has_the_ratio_that_was_asked_for(snr_db: float, seed: int, level: float) -> None:
    clean = Sound("tone", 2000, tone(60.0, 2000, level=level))
    noisy = with_noise(clean, snr_db, np.random.default_rng(seed)).samples.astype(np.float64)
    signal = clean.samples.astype(np.float64)
    # The part of the noisy sound that follows the clean one is the signal, the rest is noise.
    gain = float(noisy @ signal / (signal @ signal))
    noise = noisy - gain * signal
    measured_db = 10 * np.log10(np.mean((gain * signal) ** 2) / np.mean(noise**2))
    assert measured_db == pytest.approx(snr_db, abs=0.5)


def test_noise_falls_by_3_db_an_octave() -> None:
    clean = Sound("tone", 2000, tone(60.0, 2000))
    noisy = with_noise(clean, 0.0, np.random.default_rng(1)).samples - clean.samples
    power = np.abs(np.fft.rfft(noisy.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(noisy), 1 / 2000)
    low, high = (power[(hertz > f) & (hertz < 2 * f)].mean() for f in (100.0, 200.0))
    assert 10 * np.log10(low / high) == pytest.approx(3.0, abs=1.0)


def test_silence_stays_silence_under_noise() -> None:
    silent = Sound("silence", 2000, np.zeros(4000, dtype=np.int16))
    assert not with_noise(silent, 10.0, np.random.default_rng(1)).samples.any()


@pytest.mark.parametrize("rate_bpm", [55.0, 72.0, 100.0])
@pytest.mark.parametrize("rate_hz", [2000, 8000])
def test_a_synthetic_heart_beats_at_its_rate(rate_bpm: float, rate_hz: int) -> None:
    sound = synthetic(rate_hz, rate_bpm=rate_bpm)
    energy = sound.samples.astype(np.float64) ** 2
    energy -= energy.mean()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(energy)) ** 2)
    lags = slice(int(0.5 * rate_hz), int(1.3 * rate_hz))
    beat_s = (np.argmax(correlation[lags]) + lags.start) / rate_hz
    assert 60.0 / beat_s == pytest.approx(rate_bpm, rel=0.01)


@given(st.integers(1, 9000), st.integers(500, 4000))
def test_a_looped_sound_is_a_whole_number_of_chunks(length: int, chunk: int) -> None:
    sound = Sound("ramp", 2000, np.arange(length).astype(np.int16))
    ring = looped(sound, chunk).samples
    assert len(ring) >= chunk
    assert len(ring) % chunk == 0


def test_a_looped_sound_repeats_without_a_click() -> None:
    sound = Sound("tone", 2000, tone(37.3, 2000))
    ring = looped(sound, 1460).samples.astype(np.float64)
    steps = np.abs(np.diff(np.concatenate([ring[-200:], ring[:200]])))
    assert steps.max() <= np.abs(np.diff(sound.samples.astype(np.float64))).max() * 1.1
