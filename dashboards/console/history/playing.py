"""Sound as people hear it in a browser.

Loaded by the first who listens: what it needs takes longer to load than all else here.
"""

from dataclasses import replace

import numpy as np
import scipy.signal

from dashboards.console.history.sound import Sound, encoded
from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.dsp import hear

_HEARD_HZ = PIPELINE_GRID.sample_rate_hz
_PLAYED_HZ = 8000
_LOUD, _SILENT = 0.7, 1e-5  # of full scale


def as_wav(sound: Sound) -> bytes:
    """For browsers, which play nothing below 3 kHz: slower sound is resampled."""
    return encoded(_playable(sound), "WAV")


def filtered(sound: Sound) -> Sound:
    """As the pipeline hears it, made loud enough to be heard by people."""
    heard = hear(sound.samples, sound.sample_rate_hz, PIPELINE_FILTER, _HEARD_HZ)
    loudest = float(np.abs(heard).max(initial=0.0))
    gain = _LOUD / loudest if loudest > _SILENT else 0.0
    samples = np.round(heard * gain * 32767).astype(np.int16)
    return Sound(samples, _HEARD_HZ, sound.start_us, sound.missing_fraction)


def _playable(sound: Sound) -> Sound:
    factor = -(-_PLAYED_HZ // sound.sample_rate_hz)
    if factor <= 1:
        return sound
    denser = scipy.signal.resample_poly(sound.samples.astype(np.float32), factor, 1)
    samples = np.clip(np.round(denser), -32768, 32767).astype(np.int16)
    return replace(sound, samples=samples, sample_rate_hz=sound.sample_rate_hz * factor)
