"""A whole recording, cut on whatever grid a model's contract names."""

from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, SAMPLE_RATES_HZ, ModelContract
from models.dsp import Floats, Windows, hear, windows_of
from models.quality import Assessment, assess, measure


class Pace(NamedTuple):
    """Windows of one length, one every hop; models that share it share windows."""

    window_s: float
    hop_s: float

    @classmethod
    def of(cls, contract: ModelContract) -> "Pace":
        return cls(contract.window_s, contract.hop_s)


class Recording:
    """Sound in memory, shape (n,), int16, mono, at a rate of the wire.

    For the pipeline's own grid and filter it is cut as a stream is, block by block and bit for
    bit. For another contract it is resampled and filtered once, from its beginning: in a file
    nothing restarts, and an unknown filter may need longer than the pipeline's pre-roll to settle.

    On every grid a tail that fills no window is left out; a recording shorter than one window is
    filled up with silence.
    """

    def __init__(self, samples: npt.NDArray[np.int16], sample_rate_hz: int) -> None:
        self._samples = samples
        self._rate_hz = sample_rate_hz
        self._duration_s = Fraction(len(samples), sample_rate_hz)

    def starts_s(self, pace: Pace) -> tuple[Fraction, ...]:
        """Where its windows begin."""
        window_s, hop_s = map(_exact, pace)
        later = max(0, (self._duration_s - window_s) // hop_s)
        return tuple(k * hop_s for k in range(later + 1))

    def gap_fraction(self, pace: Pace) -> float:
        """The share of each window that is padding."""
        return float(max(Fraction(0), 1 - self._duration_s / _exact(pace.window_s)))

    def windows(self, contract: ModelContract) -> Floats:
        """Filtered as the contract says, and not yet scaled.

        Returns
        -------
        Shape (windows, contract.window_samples), float32 of full scale 1.
        """
        if contract.fits(PIPELINE_GRID, PIPELINE_FILTER):
            return self._as_a_stream.samples
        pace = Pace.of(contract)
        padded = self._padded(pace.window_s)
        heard = hear(padded, self._rate_hz, contract.filter, contract.sample_rate_hz)
        every = np.lib.stride_tricks.sliding_window_view(heard, contract.window_samples)
        return every[:: contract.hop_samples][: len(self.starts_s(pace))]

    def qualities(self, pace: Pace) -> tuple[Assessment, ...]:
        """How far each window can be trusted, by the whole tenths of a second in it."""
        if pace == Pace(PIPELINE_GRID.window_s, PIPELINE_GRID.hop_s):
            return judge(self._as_a_stream)
        tenths = int(10 * _exact(pace.window_s))
        raw = self._padded(pace.window_s)
        heard_rate_hz = PIPELINE_GRID.sample_rate_hz
        heard = hear(raw, self._rate_hz, PIPELINE_FILTER, heard_rate_hz)
        levels = [
            measure(
                _tenths(raw, self._rate_hz, start_s, tenths),
                _tenths(heard, heard_rate_hz, start_s, tenths),
            )
            for start_s in self.starts_s(pace)
        ]
        gap_fraction = self.gap_fraction(pace)
        return tuple(assess([level], gap_fraction) for level in levels)

    @cached_property
    def _as_a_stream(self) -> Windows:
        return windows_of(self._samples, self._rate_hz)

    def _padded(self, least_s: float) -> npt.NDArray[np.int16]:
        least = ceil(_exact(least_s) * self._rate_hz)
        return np.pad(self._samples, (0, max(0, least - len(self._samples))))


def judge(windows: Windows) -> tuple[Assessment, ...]:
    """The quality of each window of the pipeline's grid."""
    levels = [measure(*pair) for pair in zip(windows.raw, windows.blocks, strict=True)]
    return tuple(
        assess(levels[k : k + 2], float(gap)) for k, gap in enumerate(windows.gap_fraction)
    )


def _exact(seconds: float) -> Fraction:
    """The whole number of samples that was meant, at whatever rate it was counted."""
    return Fraction(seconds).limit_denominator(max(SAMPLE_RATES_HZ))


def _tenths(
    sound: npt.NDArray[Any], rate_hz: int, start_s: Fraction, tenths: int
) -> npt.NDArray[Any]:
    first = int(start_s * rate_hz)
    return sound[first : first + tenths * rate_hz // 10]
