"""A whole recording, cut on whatever grid a model's contract names."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, SAMPLE_RATES_HZ, ModelContract
from models.dsp import Floats, Windows, hear, windows_of
from models.quality import assess, overall
from models.quality_indices import Levels, join, measure
from models.verdict import Assessment


class Pace(NamedTuple):
    """Windows of one length, one every hop; models that share it share windows."""

    window_s: float
    hop_s: float

    @classmethod
    def of(cls, contract: ModelContract) -> "Pace":
        return cls(contract.window_s, contract.hop_s)


_PIPELINE_PACE = Pace(PIPELINE_GRID.window_s, PIPELINE_GRID.hop_s)
_STRETCH_S = Fraction(PIPELINE_GRID.window_s)
_SHORTEST_S = Fraction(1, 10)


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

    @property
    def duration_s(self) -> float:
        return float(self._duration_s)

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
        """How far each window can be trusted, by the whole tenths of a second in it.

        Its faults are its own. What needs a heart's rhythm is judged in stretches of the pipeline's
        window, from which quality was learnt: of a shorter window by the stretch around it, of a
        longer one by all stretches in it. A recording shorter than that is judged as a whole, and
        what fills it up is nothing that it lacks: it is too short where it holds no two beats.
        """
        if pace == _PIPELINE_PACE and not self.gap_fraction(pace):
            return judge(self._as_a_stream)
        window_s, starts_s = _exact(pace.window_s), self.starts_s(pace)
        within = [self._stretches(start_s, window_s) for start_s in starts_s]
        around = self._levels([at_s for own in within for at_s in own], self._stretch_s)
        whole = np.zeros(len(around.power))
        if len(whole) > len(starts_s):
            judged = iter(assess(around, whole))
            return tuple(overall([next(judged) for _ in own]) for own in within)
        own_s = min(window_s, self._stretch_s)
        return assess(self._levels(starts_s, own_s), whole, around=around)

    @property
    def _stretch_s(self) -> Fraction:
        return min(_STRETCH_S, max(_SHORTEST_S, self._duration_s))

    def _stretches(self, start_s: Fraction, window_s: Fraction) -> list[Fraction]:
        """Where the stretches begin that judge one window; of a long one the last ends with it."""
        more_s = min(window_s, max(self._duration_s, _SHORTEST_S)) - self._stretch_s
        if more_s > 0:
            number = ceil(more_s / _exact(PIPELINE_GRID.hop_s))
            return [start_s + more_s * k / number for k in range(number + 1)]
        latest_s = max(Fraction(0), self._duration_s - self._stretch_s)
        middle_s = start_s + (window_s - self._stretch_s) / 2
        return [min(max(Fraction(0), middle_s), latest_s)]

    def _levels(self, starts_s: Sequence[Fraction], length_s: Fraction) -> Levels:
        """Of equally long pieces; what the recording does not have of them is silence."""
        tenths = int(10 * length_s)
        raw = self._padded(float(length_s))
        rate_hz = PIPELINE_GRID.sample_rate_hz
        heard = hear(raw, self._rate_hz, PIPELINE_FILTER, rate_hz)
        return measure(
            np.stack([_tenths(raw, self._rate_hz, start_s, tenths) for start_s in starts_s]),
            np.stack([_tenths(heard, rate_hz, start_s, tenths) for start_s in starts_s]),
        )

    @cached_property
    def _as_a_stream(self) -> Windows:
        return windows_of(self._samples, self._rate_hz)

    def _padded(self, least_s: float) -> npt.NDArray[np.int16]:
        least = ceil(_exact(least_s) * self._rate_hz)
        return np.pad(self._samples, (0, max(0, least - len(self._samples))))


def judge(windows: Windows) -> tuple[Assessment, ...]:
    """The quality of each window of the pipeline's grid."""
    blocks = measure(windows.raw, windows.blocks)
    levels = join(blocks.rows(slice(0, -1)), blocks.rows(slice(1, None)))
    return assess(levels, windows.gap_fraction)


def _exact(seconds: float) -> Fraction:
    """The whole number of samples that was meant, at whatever rate it was counted."""
    return Fraction(seconds).limit_denominator(max(SAMPLE_RATES_HZ))


def _tenths(
    sound: npt.NDArray[Any], rate_hz: int, start_s: Fraction, tenths: int
) -> npt.NDArray[Any]:
    first = int(start_s * rate_hz)
    return sound[first : first + tenths * rate_hz // 10]
