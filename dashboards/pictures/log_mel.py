"""A spectrogram for the eye: mel bands of the sound as it came, without the models' filter."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_GRID, FilterSpec
from models.dsp import hear

LOWEST_HZ, HIGHEST_HZ = 20.0, 600.0

_BANDS = 72
_RATE_HZ = PIPELINE_GRID.sample_rate_hz
_FRAME = 128  # 64 ms: tells S1 from S2, and 30 Hz from 60 Hz
_FFT = 512
_HOP = 16  # 8 ms
_MOST_COLUMNS = 3000
_LOUDEST_PERCENT = 99.9  # a knock shall not darken the beats
_FLOOR_DB = -60.0

Floats = npt.NDArray[np.float64]


class Picture(NamedTuple):
    """`level_db`: shape (bands, columns), 0 at the loudest, -60 at the least; over `duration_s`."""

    level_db: Floats
    duration_s: float


def mel(frequency_hz: npt.ArrayLike) -> Floats:
    """O'Shaughnessy D., "Speech communication: human and machine", 1987: 1000 at 1000 Hz.

    Examples
    --------
    >>> round(float(mel(1000.0)))
    1000
    """
    return np.asarray(2595.0 * np.log10(1 + np.asarray(frequency_hz, np.float64) / 700.0))


def log_mel(samples: npt.NDArray[np.int16], sample_rate_hz: int) -> Picture:
    """Power in mel bands from 20 to 600 Hz, relative to the loudest, of samples of shape (n,)."""
    sound = hear(samples, sample_rate_hz, FilterSpec(kind="none"), _RATE_HZ).astype(np.float64)
    sound = sound - sound.mean() if len(sound) else sound
    hop = max(_HOP, len(sound) // _MOST_COLUMNS)
    around = np.pad(sound, (_FRAME // 2, _FRAME), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(around, _FRAME)[: len(sound) + 1 : hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), _FFT)) ** 2
    bands = power @ _bank().T
    loudest = max(float(np.percentile(bands, _LOUDEST_PERCENT)), 1e-12)
    level_db = 10 * np.log10(np.maximum(bands / loudest, 1e-12))
    return Picture(np.clip(level_db.T, _FLOOR_DB, 0.0), len(sound) / _RATE_HZ)


def _bank() -> Floats:
    """Triangles that meet at each other's centres, evenly spaced in mel; shape (bands, bins)."""
    bins = mel(np.fft.rfftfreq(_FFT, 1 / _RATE_HZ))
    centres = np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), _BANDS)
    step = centres[1] - centres[0]
    width = np.maximum(step, np.gradient(bins)[np.newaxis])  # no band between two bins is empty
    return np.asarray(np.maximum(0.0, 1 - np.abs(bins - centres[:, np.newaxis]) / width))
