"""From a device's samples to the windows that models see: blocks, filter, scale.

Sound is filtered and resampled once, in blocks of one hop, each from its own samples and the
pre-roll before them, from a cold start. So a block is a pure function of its samples: no restart
and no neighbour can change a number, and a stream and the same sound in a file agree bit for bit.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import signal

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, FilterSpec, Grid, Scaling
from models.errors import SignalError
from models.resample import Resampler

Floats = npt.NDArray[np.float32]
Samples = npt.NDArray[np.int16] | Floats

_FULL_SCALE = 2.0**15  # of int16: a power of two, so dividing by it never rounds
_ROWS_AT_ONCE = 8  # what stays in the cache: 32 rows at once take twice the time per row
_SILENCE = 1e-5  # of full scale, a third of an int16 step: nothing below is worth amplifying


class BlockFilter:
    """Filters and resamples hop-long blocks of one source rate.

    Attributes
    ----------
    source_hop, source_preroll
        Lengths in samples at the source rate.
    delay_s
        How far the resampler lags (0 where the source has the grid's own rate). The band-pass
        delays besides as any causal filter does.
    """

    def __init__(
        self,
        source_rate_hz: int,
        spec: FilterSpec = PIPELINE_FILTER,
        grid: Grid = PIPELINE_GRID,
    ) -> None:
        source = grid.at(source_rate_hz)
        self.source_hop = source.hop_samples
        self.source_preroll = source.preroll_samples
        self._preroll = grid.preroll_samples
        self._hop = grid.hop_samples
        self._resample = Resampler(source_rate_hz, grid.sample_rate_hz)
        self.delay_s = self._resample.delay_s
        self._sections = _sections(spec, grid.sample_rate_hz)

    def __call__(self, samples: Samples) -> Floats:
        """Filter one block; see `many`."""
        block: Floats = self.many(samples[np.newaxis])[0]
        return block

    def many(self, blocks: Samples) -> Floats:
        """Filter blocks of several devices; each row comes out as if it were alone, bit for bit.

        Parameters
        ----------
        blocks
            Shape (n, source_preroll + source_hop), int16, or float32 of full scale 1. The
            pre-roll of the first block after power-up is silence.

        Returns
        -------
        Shape (n, grid.hop_samples), float32 of full scale 1.

        Raises
        ------
        SignalError
            For another shape or type, or samples that are not finite.
        """
        self._check(blocks)
        filtered = np.empty((len(blocks), self._hop), np.float32)
        gain = 1 / _FULL_SCALE if blocks.dtype == np.int16 else 1.0
        for first in range(0, len(blocks), _ROWS_AT_ONCE):
            rows = slice(first, first + _ROWS_AT_ONCE)
            resampled = self._resample(blocks[rows].astype(np.float32, copy=False))
            through = _through(self._sections, resampled)[:, self._preroll :]
            np.multiply(through, gain, out=filtered[rows], casting="same_kind")
        return filtered

    def _check(self, blocks: Samples) -> None:
        expected = self.source_preroll + self.source_hop
        if blocks.ndim != 2 or blocks.shape[1] != expected:
            raise SignalError(f"blocks of shape {blocks.shape}, expected (n, {expected})")
        if blocks.dtype not in (np.int16, np.float32):
            raise SignalError(f"blocks of type {blocks.dtype}, expected int16 or float32")
        if blocks.dtype == np.float32 and not np.isfinite(blocks).all():
            raise SignalError("blocks hold samples that are not finite")


@cache
def block_filter(source_rate_hz: int) -> BlockFilter:
    """The pipeline's filter for a device of this rate; raises `SignalError` for odd rates."""
    return BlockFilter(source_rate_hz)


def scale(windows: Floats, scaling: Scaling) -> Floats:
    """Bring each window to the contract's level and clip it; silence stays silence.

    Parameters
    ----------
    windows
        Shape (n, samples), float32 of full scale 1.
    """
    if scaling.kind == "none":
        return np.clip(windows, -scaling.clip, scaling.clip)
    scaled = np.empty_like(windows)
    for first in range(0, len(windows), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        given, out = windows[rows], scaled[rows]
        level = _rms(given, out) if scaling.kind == "rms" else np.abs(given, out=out).max(axis=1)
        gain = np.float32(scaling.target) / np.maximum(level, np.float32(_SILENCE))
        np.multiply(given, gain[:, np.newaxis], out=out)
        _clip(out, np.float32(scaling.clip))
    return scaled


class Windows(NamedTuple):
    """A recording cut on the grid.

    Attributes
    ----------
    raw
        Shape (n + 1, source hop), int16: each block's own samples.
    blocks
        Shape (n + 1, hop), float32: the same, filtered; window k is blocks k and k + 1.
    gap_fraction
        Shape (n,): the share of each window that is padding.
    """

    raw: npt.NDArray[np.int16]
    blocks: Floats
    gap_fraction: npt.NDArray[np.float64]

    @property
    def samples(self) -> Floats:
        """Shape (n, window), float32 of full scale 1."""
        return join(self.blocks[:-1], self.blocks[1:])

    def __len__(self) -> int:
        return len(self.gap_fraction)


def join(earlier: Floats, later: Floats) -> Floats:
    """Windows out of neighbouring blocks, each of shape (n, hop)."""
    return np.concatenate([earlier, later], axis=1)


def windows_of(
    samples: npt.NDArray[np.int16],
    sample_rate_hz: int,
    spec: FilterSpec = PIPELINE_FILTER,
    grid: Grid = PIPELINE_GRID,
) -> Windows:
    """Cut a whole recording as the stream would be cut, from silence before its first sample.

    A tail shorter than a hop is left out, as a stream leaves it out that ends there; only a
    recording shorter than one window is filled up with silence.

    Parameters
    ----------
    samples
        Shape (n,), int16, mono.
    """
    if samples.ndim != 1 or samples.dtype != np.int16 or not len(samples):
        raise SignalError(f"a recording of shape {samples.shape}, {samples.dtype}: expected int16")
    filters = BlockFilter(sample_rate_hz, spec, grid)
    window = 2 * filters.source_hop
    padding = max(0, window - len(samples))
    padded = np.concatenate(
        [np.zeros(filters.source_preroll, np.int16), samples, np.zeros(padding, np.int16)]
    )
    length = filters.source_preroll + filters.source_hop
    blocks = np.lib.stride_tricks.sliding_window_view(padded, length)[:: filters.source_hop]
    return Windows(
        raw=blocks[:, filters.source_preroll :],
        blocks=filters.many(blocks),
        gap_fraction=np.full(len(blocks) - 1, padding / window),
    )


def hear(
    samples: npt.NDArray[np.int16], sample_rate_hz: int, spec: FilterSpec, heard_rate_hz: int
) -> Floats:
    """Resample and filter a whole recording at once, from silence before its first sample.

    What `windows_of` approaches block by block: the filter remembers all that came before.

    Parameters
    ----------
    samples
        Shape (n,), int16, mono.

    Returns
    -------
    Shape (n * heard_rate_hz // sample_rate_hz,), float32 of full scale 1.
    """
    resample = Resampler(sample_rate_hz, heard_rate_hz)
    length = len(samples) * heard_rate_hz // sample_rate_hz
    whole_turns = np.pad(samples, (0, -len(samples) % resample.turn)).astype(np.float32)
    resampled = resample(whole_turns[np.newaxis])[0, :length]
    heard: Floats = _through(_sections(spec, heard_rate_hz), resampled) / _FULL_SCALE
    return heard.astype(np.float32, copy=False)


def _through(
    sections: npt.NDArray[np.float64] | None, sound: Floats
) -> npt.NDArray[np.floating[Any]]:
    if sections is None:
        return sound
    filtered: npt.NDArray[np.float64] = signal.sosfilt(sections, sound.astype(np.float64))
    return filtered


def _sections(spec: FilterSpec, sample_rate_hz: int) -> npt.NDArray[np.float64] | None:
    if spec.kind == "none":
        return None
    band = (spec.low_hz, spec.high_hz)
    return signal.butter(spec.order, band, "bandpass", fs=sample_rate_hz, output="sos")


def _rms(windows: Floats, squares: Floats) -> Floats:
    """Root mean square of each row; `squares` is room to work in, of the same shape."""
    # Not einsum: it sums a lone row of over 8192 samples in another order than one of many. Not
    # mean: the same number, but of one window it takes three times as long.
    power: Floats = np.add.reduce(np.square(windows, out=squares), axis=1)
    rms: Floats = np.sqrt(power / np.float32(windows.shape[1]))
    return rms


def _clip(windows: Floats, limit: np.float32) -> None:
    """In place. Of one window, `np.clip` takes longer over its arguments than over the sound."""
    np.minimum(windows, limit, out=windows)
    np.maximum(windows, -limit, out=windows)
