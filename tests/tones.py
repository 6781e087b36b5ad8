"""What the pipeline's filter makes of a steady tone."""

import numpy as np

from models.dsp import block_filter

_AMPLITUDE = 20_000  # of int16, as a device sends it


def gain_db(rate_hz: int, tone_hz: float) -> float:
    """Level of one filtered block over that of a tone sampled at `rate_hz`."""
    filters = block_filter(rate_hz)
    seconds = np.arange(filters.source_preroll + filters.source_hop) / rate_hz
    tone = np.sin(2 * np.pi * tone_hz * seconds + 0.3)
    heard = filters((tone * _AMPLITUDE).astype(np.int16)).astype(np.float64)
    return 20 * float(np.log10(np.sqrt(np.mean(heard**2) * 2) / (_AMPLITUDE / 2**15)))
