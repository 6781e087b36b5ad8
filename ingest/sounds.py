"""What a device hears: a real recording or a synthetic heart, at the device's rate, with noise."""

from math import gcd
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from models.errors import UserError
from models.sound_file import read_first_channel

PACKAGED = Path(__file__).with_name("recordings")

_SUFFIXES = (".flac", ".wav")
_FULL_SCALE = 32767
_FADE_S = 0.05


class Sound(NamedTuple):
    """Mono sound, shape (n,), int16."""

    name: str
    sample_rate_hz: int
    samples: npt.NDArray[np.int16]


def recordings(folder: Path) -> tuple[Path, ...]:
    """Every WAV and FLAC file of a folder and the folders in it, by name.

    Raises
    ------
    UserError
        If the folder cannot be read or holds none.
    """
    try:
        found = [path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES]
        if not folder.is_dir():
            raise NotADirectoryError
    except OSError:
        raise UserError(f"recordings folder {folder} cannot be read: name another") from None
    if not found:
        raise UserError(f"recordings folder {folder} holds no .wav or .flac file: name another")
    return tuple(sorted(found))


def load(path: Path, sample_rate_hz: int) -> Sound:
    """Read a recording (of several channels the first) at the rate that is wanted.

    A recording of that rate keeps its samples untouched.

    Raises
    ------
    UserError
        If the file cannot be read, is empty or holds what is no sound, naming it.
    """
    try:
        samples, own_rate_hz = read_first_channel(path)
    except UserError as error:
        raise UserError(f"recording {error}: repair or remove it") from None
    return Sound(path.stem, sample_rate_hz, resample(samples, own_rate_hz, sample_rate_hz))


def resample(samples: npt.NDArray[np.int16], from_hz: int, to_hz: int) -> npt.NDArray[np.int16]:
    """Change the rate of a whole sound, shape (n,), int16, through an anti-aliasing filter."""
    if from_hz == to_hz:
        return samples
    common = gcd(from_hz, to_hz)
    resampled = resample_poly(samples.astype(np.float64), to_hz // common, from_hz // common)
    return _rounded(resampled)


def synthetic(sample_rate_hz: int, *, rate_bpm: float, duration_s: float = 30.0) -> Sound:
    """A regular heart: two bursts of low tones a beat, S1 lower and longer than S2.

    The sound lasts a whole number of beats, so it can be repeated without a seam.
    """
    beat = round(60.0 / rate_bpm * sample_rate_hz)
    time_s = np.arange(beat) / sample_rate_hz
    systole_s = 0.2 + 0.1 * 60.0 / rate_bpm
    first = _burst(time_s, at_s=0.08, tone_hz=45.0, width_s=0.035)
    second = _burst(time_s, at_s=0.08 + systole_s, tone_hz=65.0, width_s=0.025)
    beats = max(1, round(duration_s * sample_rate_hz / beat))
    samples = np.tile(_rounded(_FULL_SCALE * (0.3 * first + 0.2 * second)), beats)
    return Sound(f"synthetic-{rate_bpm:g}-bpm", sample_rate_hz, samples)


def with_noise(sound: Sound, snr_db: float, rng: np.random.Generator) -> Sound:
    """Mix in pink noise (equal power per octave above 5 Hz) at a ratio of powers in dB.

    Where the sum would leave the 16-bit range both are turned down together.
    """
    signal = sound.samples.astype(np.float64)
    noise = _pink(len(signal), sound.sample_rate_hz, rng)
    ratio = 10.0 ** (snr_db / 20.0)
    mixed = signal + noise * (np.sqrt(np.mean(signal**2)) / ratio)
    peak = float(np.max(np.abs(mixed)))
    samples = _rounded(mixed * min(1.0, _FULL_SCALE / peak) if peak else mixed)
    return sound._replace(samples=samples)


def looped(sound: Sound, multiple: int) -> Sound:
    """Cut a sound so that it repeats without a click, to a whole `multiple` of samples.

    Its end is faded into its beginning; one that is too short is repeated first.
    """
    fade = round(_FADE_S * sound.sample_rate_hz)
    samples = sound.samples
    if len(samples) < multiple + fade:
        samples = np.resize(samples, multiple + fade)
    length = (len(samples) - fade) // multiple * multiple
    rising = np.arange(fade) / fade
    ring = samples[:length].copy()
    ring[:fade] = _rounded(
        rising * samples[:fade] + (1.0 - rising) * samples[length : length + fade]
    )
    return sound._replace(samples=ring)


def _burst(
    time_s: npt.NDArray[np.float64], *, at_s: float, tone_hz: float, width_s: float
) -> npt.NDArray[np.float64]:
    envelope = np.exp(-(((time_s - at_s) / width_s) ** 2))
    burst: npt.NDArray[np.float64] = envelope * np.sin(2.0 * np.pi * tone_hz * (time_s - at_s))
    return burst


def _pink(length: int, sample_rate_hz: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Noise of unit power, shape (length,)."""
    frequencies_hz = np.fft.rfftfreq(length, 1.0 / sample_rate_hz)
    shape = 1.0 / np.sqrt(np.maximum(frequencies_hz, 5.0))
    shape[0] = 0.0
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * shape, length)
    power = float(np.mean(noise**2))
    scaled: npt.NDArray[np.float64] = noise / np.sqrt(power) if power else noise
    return scaled


def _rounded(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.clip(np.rint(samples), -_FULL_SCALE - 1, _FULL_SCALE).astype(np.int16)
