"""Anti-aliased change of the sample rate by one linear-phase FIR filter, sampled where needed.

No BLAS: its kernels round differently for other batch sizes, and a result must not depend on
which windows happened to travel together. For the same reason rows go through einsum one by one.
"""

from math import gcd
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import signal

# Sixteen zero crossings on either side and 80 dB: flat to 0.84 and silent from 1.16 of the lower
# of the two Nyquist frequencies, so what folds back stays above 0.84 of it.
_ZERO_CROSSINGS = 16
_STOP_BAND_DB = 80.0


class _Phase(NamedTuple):
    """Outputs p, p + up, p + 2 up...: the newest input of the first one, and reversed taps."""

    newest: int
    taps: npt.NDArray[np.float32]


class Resampler:
    """Brings blocks from `source_rate_hz` to `target_rate_hz`.

    The output at time t uses only the input up to t, so it lags by `delay_s` (16 periods of the
    lower rate: 8 ms for 2 kHz out of any higher rate); no input before the block is assumed but
    silence.

    Attributes
    ----------
    turn
        The fewest samples after which input and output fall together again.
    """

    def __init__(self, source_rate_hz: int, target_rate_hz: int) -> None:
        divisor = gcd(source_rate_hz, target_rate_hz)
        self._up = target_rate_hz // divisor
        self.turn = source_rate_hz // divisor
        same = source_rate_hz == target_rate_hz
        self.delay_s = 0.0 if same else _ZERO_CROSSINGS / min(source_rate_hz, target_rate_hz)
        self._phases = () if same else _phases(self._up, self.turn)
        self._reach = max((len(phase.taps) for phase in self._phases), default=1) - 1

    def __call__(self, blocks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Resample each row.

        Parameters
        ----------
        blocks
            Shape (n, samples), float32; `samples` a whole number of `turn` samples.

        Returns
        -------
        Shape (n, samples * up / down), float32, in the input's unit.
        """
        if not self._phases:
            return blocks
        rows, samples = blocks.shape
        turns = samples // self.turn
        padded = np.zeros((rows, self._reach + samples), np.float32)
        padded[:, self._reach :] = blocks
        out = np.empty((rows, turns, self._up), np.float32)
        for number, (newest, taps) in enumerate(self._phases):
            windows = np.lib.stride_tricks.sliding_window_view(padded, len(taps), axis=1)
            first = newest + self._reach + 1 - len(taps)
            picked = windows[:, first :: self.turn][:, :turns]
            for row, answer in zip(picked, out[:, :, number], strict=True):
                np.einsum("ij,j->i", row, taps, out=answer)
        return out.reshape(rows, turns * self._up)


def _phases(up: int, down: int) -> tuple[_Phase, ...]:
    slower = max(up, down)
    half_length = _ZERO_CROSSINGS * slower
    window = ("kaiser", signal.kaiser_beta(_STOP_BAND_DB))
    response = up * signal.firwin(2 * half_length + 1, 1 / slower, window=window)
    phases = []
    for number in range(up):
        newest, offset = divmod(number * down, up)
        phases.append(_Phase(newest, response[offset::up][::-1].astype(np.float32)))
    return tuple(phases)
