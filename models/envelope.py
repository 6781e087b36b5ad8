"""How loud the sound is from moment to moment, and how regularly: what all judgement shares."""

from typing import NamedTuple

import numpy as np
from scipy import fft

from models.dsp import Floats
from models.errors import SignalError

ENVELOPE_RATE_HZ = 100
FRAME_SAMPLES = 20  # 10 ms at the pipeline's rate
_TINY = np.float32(1e-20)


class Modulation(NamedTuple):
    """How an envelope moves.

    Attributes
    ----------
    autocorrelation
        Shape (n, lags + 1), float32, 1 at lag 0; as if the envelope had no end (each lag is
        divided by the share of the frames that it compares). 0 for an envelope that stands still.
    power
        Shape (n, bins), float32: of the envelope less its mean, up to half of its frame rate.
    bin_frames
        Bin k is k cycles in so many frames.
    """

    autocorrelation: Floats
    power: Floats
    bin_frames: int


def frame_power(sound: Floats, frame_samples: int = FRAME_SAMPLES) -> Floats:
    """Mean square of each whole frame; the frames of two blocks are those of their window.

    Parameters
    ----------
    sound
        Shape (n, samples), float32 of full scale 1. What fills no frame at the end is left out.

    Returns
    -------
    Shape (n, samples // frame_samples), float32; each row comes out as if it were alone.

    Raises
    ------
    SignalError
        For another number of axes.
    """
    if sound.ndim != 2:
        raise SignalError(f"sound of shape {sound.shape}, expected (n, samples)")
    frames = sound.shape[1] // frame_samples
    framed = sound[:, : frames * frame_samples].reshape(len(sound), frames, frame_samples)
    power: Floats = np.einsum("nfs,nfs->nf", framed, framed) / np.float32(frame_samples)
    return power


def modulation(envelope: Floats, lags: int) -> Modulation:
    """Autocorrelation and spectrum of envelopes, each row as if it were alone.

    Parameters
    ----------
    envelope
        Shape (n, frames), float32.
    lags
        How far to compare, in frames; less than `frames`.

    Raises
    ------
    SignalError
        If the envelopes are not longer than that.
    """
    frames = envelope.shape[-1]
    if envelope.ndim != 2 or not 0 < lags < frames:
        raise SignalError(f"{lags} lags of an envelope of shape {envelope.shape}")
    length = fft.next_fast_len(frames + lags, real=True)
    moving = envelope - envelope.mean(axis=1, keepdims=True)
    spectrum = fft.rfft(moving, length, axis=1)
    power: Floats = np.square(spectrum.real) + np.square(spectrum.imag)
    compared: Floats = fft.irfft(power, length, axis=1)[:, : lags + 1]
    unbiased = (frames / np.arange(frames, frames - lags - 1, -1)).astype(np.float32)
    correlation: Floats = compared * unbiased / np.maximum(compared[:, :1], _TINY)
    return Modulation(correlation, power, length)


def smoothed(envelope: Floats, frames: int) -> Floats:
    """Means of `frames` neighbours, an odd number; the ends repeat their last frame.

    Shape (n, m) in, shape (n, m) out.
    """
    half = frames // 2
    padded = np.pad(envelope, ((0, 0), (half, half)), mode="edge")
    last = envelope.shape[1]
    total = padded[:, :last].copy()
    for shift in range(1, frames):
        np.add(total, padded[:, shift : shift + last], out=total)
    mean: Floats = np.divide(total, np.float32(frames), out=total)
    return mean
