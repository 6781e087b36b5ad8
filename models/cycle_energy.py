"""Where in the heart's cycle there is sound between the heart sounds: what a murmur's timing is.

A murmur is higher than S1 and S2, so sound is weighed by its frequency (the difference of
neighbouring samples, 6 dB an octave). Levels are means of decibels: a knock of one frame does not
make a murmur. What is louder in systole than in diastole by `_APART_DB` is systolic, and so on;
what is quieter than the heart sounds by more than `_QUIET_DB` in both is nothing.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.errors import SignalError
from models.rhythm import Timing
from models.segmentation import STATES

Floats = npt.NDArray[np.float32]

_S1, _SYSTOLE, _S2, _DIASTOLE = range(len(STATES))
_LEAST_POWER = np.float32(1e-12)  # of full scale
_LEAST_FRAMES = 5  # 0.1 s in all: of less, no level is told
_QUIET_DB = -12.0
_APART_DB = 3.0
_ROWS_AT_ONCE = 8  # what stays in the cache


class CycleEnergy(NamedTuple):
    """Levels in systole and diastole against those of S1 and S2, in dB; NaN where not heard.

    Attributes
    ----------
    systole_db, diastole_db
        Shape (n,), float64.
    """

    systole_db: npt.NDArray[np.float64]
    diastole_db: npt.NDArray[np.float64]

    def timing(self, window: int) -> Timing | None:
        """When in the cycle the sound between the heart sounds is, if there is any."""
        systole_db, diastole_db = self.systole_db.item(window), self.diastole_db.item(window)
        if math.isnan(systole_db) or math.isnan(diastole_db):
            return None
        if max(systole_db, diastole_db) < _QUIET_DB:
            return None
        if systole_db - diastole_db >= _APART_DB:
            return "systolic"
        if diastole_db - systole_db >= _APART_DB:
            return "diastolic"
        return "continuous"


def cycle_energy(windows: Floats, labels: npt.NDArray[np.int64]) -> CycleEnergy:
    """Measure each window.

    Parameters
    ----------
    windows
        Shape (n, samples), filtered, float32 of full scale 1.
    labels
        Shape (n, frames): the state of each frame.

    Raises
    ------
    SignalError
        If the samples are no whole frames.
    """
    number, frames = labels.shape
    if windows.shape[0] != number or windows.shape[1] % frames:
        raise SignalError(f"windows of shape {windows.shape} and labels of {labels.shape}")
    level_db = 10 * np.log10(_sharp_power(windows, frames) + _LEAST_POWER)
    inside = np.zeros(labels.shape, bool)
    inside[:, 1:-1] = (labels[:, 1:-1] == labels[:, :-2]) & (labels[:, 1:-1] == labels[:, 2:])
    sounds_db = _mean_db(level_db, (labels == _S1) | (labels == _S2))
    return CycleEnergy(
        _mean_db(level_db, inside & (labels == _SYSTOLE)) - sounds_db,
        _mean_db(level_db, inside & (labels == _DIASTOLE)) - sounds_db,
    )


def _sharp_power(windows: Floats, frames: int) -> Floats:
    """Mean square of the differences of neighbouring samples in each frame, shape (n, frames)."""
    power = np.empty((len(windows), frames), np.float32)
    for first in range(0, len(windows), _ROWS_AT_ONCE):
        rows = windows[first : first + _ROWS_AT_ONCE]
        sharp = np.zeros_like(rows)
        np.subtract(rows[:, 1:], rows[:, :-1], out=sharp[:, 1:])
        framed = np.square(sharp, out=sharp).reshape(len(rows), frames, -1)
        framed.mean(axis=2, out=power[first : first + _ROWS_AT_ONCE])
    return power


def _mean_db(level_db: Floats, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    count = np.count_nonzero(chosen, axis=1)
    total = np.where(chosen, level_db, 0).sum(axis=1, dtype=np.float64)
    return np.where(count >= _LEAST_FRAMES, total / np.maximum(count, 1), np.nan)
