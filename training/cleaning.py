"""Clean recordings before training: silence cut out, noise shrunk in wavelets.

Both look at the whole recording, forwards and backwards, so they belong before training and never
into the pipeline, whose windows are functions of their own samples. What a model was trained on
without them it must be given without them.
"""

import math

import numpy as np
import numpy.typing as npt
import pywt

_FRAME_S = 0.05
_LOUD_PERCENTILE = 95
_MAD_OF_A_NORMAL = 0.6745


def without_silence(
    waveform: npt.NDArray[np.floating],
    sample_rate_hz: int,
    *,
    below_db: float = -40.0,
    longer_than_s: float = 2.0,
    kept_s: float = 0.5,
) -> npt.NDArray[np.float32]:
    """Shorten every silence longer than `longer_than_s` to `kept_s` at either end.

    Silence is what lies `below_db` under the recording's own loud frames (95th percentile of the
    levels of 50 ms). Diastole is silence too: a limit of 2 s leaves hearts alone down to 30 beats
    a minute. A recording that is silent throughout comes back whole, for others to judge.

    Parameters
    ----------
    waveform
        Shape (samples,).

    Examples
    --------
    >>> beat = np.sin(np.arange(4000))
    >>> sound = np.concatenate([beat, np.zeros(20000), beat])
    >>> len(without_silence(sound, 2000)) / 2000
    5.0
    """
    whole = np.asarray(waveform, np.float32)
    frame = max(1, round(_FRAME_S * sample_rate_hz))
    frames = whole[: len(whole) // frame * frame].reshape(-1, frame).astype(np.float64)
    if len(frames) == 0:
        return whole
    power = np.square(frames).mean(1)
    silent = power < np.percentile(power, _LOUD_PERCENTILE) * 10 ** (below_db / 10)
    kept = np.ones(len(whole), bool)
    edges = np.flatnonzero(np.diff(silent.astype(np.int8), prepend=0, append=0))
    for begin, end in zip(edges[::2] * frame, edges[1::2] * frame, strict=True):
        if end - begin > longer_than_s * sample_rate_hz:
            margin = round(kept_s * sample_rate_hz)
            kept[begin + margin : end - margin] = False
    return whole[kept]


def wavelet_denoised(
    waveform: npt.NDArray[np.floating], *, wavelet: str = "db6", levels: int = 5
) -> npt.NDArray[np.float32]:
    """Shrink wavelet coefficients that noise alone would explain (Donoho and Johnstone 1994).

    The noise is judged from the finest details; all details lose the universal threshold, softly.
    Levels are fewer for a short waveform. Parameters: shape (samples,).
    """
    whole = np.asarray(waveform, np.float64)
    deepest = pywt.dwt_max_level(len(whole), wavelet)
    if deepest == 0:
        return whole.astype(np.float32)
    coarse, *details = pywt.wavedec(whole, wavelet, level=min(levels, deepest))
    noise = np.median(np.abs(details[-1])) / _MAD_OF_A_NORMAL
    threshold = noise * math.sqrt(2 * math.log(len(whole)))
    shrunk = [np.sign(band) * np.maximum(np.abs(band) - threshold, 0) for band in details]
    denoised = pywt.waverec([coarse, *shrunk], wavelet)[: len(whole)]
    return np.asarray(denoised, np.float32)
