"""What a page draws of a recording: its sound, filtered as the models hear it, and its spectrum."""

import base64
import io

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import resample_poly

from dashboards.pictures.log_mel import HIGHEST_HZ, LOWEST_HZ, log_mel
from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.dsp import Floats, hear

PLAYED_HZ = 8000  # browsers play nothing below 3000

_EVERY = 2  # samples of the grid: 1000 Hz hold what passes below 400 Hz
_FLOOR_DB = -60.0
_LOUD = 0.9  # of full scale, to which what is played is brought
_LOUDEST_PERCENT = 99.95


class Waveform(msgspec.Struct, frozen=True, kw_only=True):
    """`samples`: base64 of int16, little-endian; `full_scale` is what 32768 stands for."""

    rate_hz: int
    full_scale: float
    samples: str


class Spectrogram(msgspec.Struct, frozen=True, kw_only=True):
    """`levels`: base64 of bytes, band after band from the lowest; 255 is the loudest."""

    bands: int
    columns: int
    duration_s: float
    low_hz: float
    high_hz: float
    floor_db: float
    levels: str


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    waveform: Waveform
    spectrogram: Spectrogram


def pictures_of(samples: npt.NDArray[np.int16], sample_rate_hz: int, heard: Floats) -> Pictures:
    """Draw samples of shape (n,), int16; `heard` are the same as `heard_of` gives them."""
    return Pictures(waveform=_waveform(heard), spectrogram=_spectrogram(samples, sample_rate_hz))


def heard_of(samples: npt.NDArray[np.int16], sample_rate_hz: int) -> Floats:
    """Filtered as the pipeline does, at its rate; shape (m,), float32 of full scale 1."""
    return hear(samples, sample_rate_hz, PIPELINE_FILTER, PIPELINE_GRID.sample_rate_hz)


def wav_of(heard: Floats) -> bytes:
    """To be listened to: brought to full loudness, but for a knock or two; a WAV of 16 bits."""
    loud = float(np.percentile(np.abs(heard), _LOUDEST_PERCENT)) if len(heard) else 0.0
    played = resample_poly(heard, PLAYED_HZ // PIPELINE_GRID.sample_rate_hz, 1)
    scaled = np.clip(played * (_LOUD / max(loud, 1e-6)), -1.0, 1.0)
    file = io.BytesIO()
    soundfile.write(file, scaled, PLAYED_HZ, "PCM_16", format="WAV")
    return file.getvalue()


def _waveform(heard: Floats) -> Waveform:
    sound = heard[::_EVERY]
    full_scale = max(float(np.abs(sound).max(initial=0.0)), 1e-6)
    steps = np.clip(np.rint(sound / full_scale * 32767), -32768, 32767).astype("<i2")
    return Waveform(
        rate_hz=PIPELINE_GRID.sample_rate_hz // _EVERY,
        full_scale=full_scale,
        samples=base64.b64encode(steps.tobytes()).decode(),
    )


def _spectrogram(samples: npt.NDArray[np.int16], sample_rate_hz: int) -> Spectrogram:
    level_db, duration_s = log_mel(samples, sample_rate_hz)
    levels = np.rint((1 - level_db / _FLOOR_DB) * 255).astype(np.uint8)
    return Spectrogram(
        bands=levels.shape[0],
        columns=levels.shape[1],
        duration_s=duration_s,
        low_hz=LOWEST_HZ,
        high_hz=HIGHEST_HZ,
        floor_db=_FLOOR_DB,
        levels=base64.b64encode(levels.tobytes()).decode(),
    )
