"""The strip of a result as a page draws it."""

import base64

import numpy as np

from dashboards.console.live.pictures import StripPicture
from models.contract import PIPELINE_GRID
from stream_processors.records import WindowResult

_KEPT_OF = 2  # a tile is some 300 pixels wide: every second sample is enough


def strip_of(result: WindowResult, *, whole: bool) -> StripPicture:
    """The filtered sound of a result's last hop.

    Parameters
    ----------
    whole
        All samples in int16, for one bed; else half of them in int8, for a tile.
    """
    strip = result.strip
    samples = np.frombuffer(strip.samples, dtype="<i2")
    lead_s = strip_lead_s(result)
    rate_hz = float(strip.sample_rate_hz)
    if not whole:
        samples = (_peaks(samples) >> 8).astype(np.int8)
        rate_hz /= _KEPT_OF
    return StripPicture(
        device_id=result.device_id,
        boot_id=result.boot_id,
        index=result.window_index,
        start_us=result.start_us + round(lead_s * 1e6),
        sample_rate_hz=rate_hz,
        samples=base64.b64encode(samples.tobytes()).decode(),
        full_scale=strip.full_scale,
        s1_s=_within(result.heart.s1_s if result.heart else (), lead_s),
        s2_s=_within(result.heart.s2_s if result.heart else (), lead_s),
    )


def strip_lead_s(result: WindowResult) -> float:
    """How long after the window's begin its strip begins: that shows the new hop alone."""
    samples = len(result.strip.samples) // 2  # of two bytes each
    return max(0.0, result.window_s - samples / result.strip.sample_rate_hz)


def end_us(result: WindowResult) -> int:
    return result.start_us + round(result.window_s * 1e6)


def kept_strips(seconds: float) -> int:
    """How many hops so much sound is."""
    return max(1, round(seconds / PIPELINE_GRID.hop_s))


def _peaks(samples: np.ndarray) -> np.ndarray:
    """Of each pair the larger one, so that no peak is lost; shape (n // 2,), int16."""
    pairs = samples[: len(samples) // _KEPT_OF * _KEPT_OF].reshape(-1, _KEPT_OF)
    largest = np.abs(pairs.astype(np.int32)).argmax(axis=1)
    picked: np.ndarray = pairs[np.arange(len(pairs)), largest]
    return picked


def _within(sounds_s: tuple[float, ...], lead_s: float) -> tuple[float, ...]:
    return tuple(round(at_s - lead_s, 3) for at_s in sounds_s if at_s >= lead_s)
