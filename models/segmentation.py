"""Where in a window the first and second heart sounds are, and where in the cycle a murmur is.

A net says of every 20 ms how likely each state is; how long a state lasts at the window's heart
rate is known from many hearts; `models.hsmm` finds the succession that agrees best with both. A
window is a whole number of frames and so is a hop, so overlapping windows count in the same frames.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models import hsmm
from models.errors import SignalError
from models.rhythm import LEAST_BPM, MOST_BPM

Floats = npt.NDArray[np.float32]

FRAME_S = 0.02
STATES = ("S1", "systole", "S2", "diastole")
_S1, _SYSTOLE, _S2, _DIASTOLE = range(4)

_BPM_STEP = 1.0  # of the table of durations

# Mean durations in seconds by the length of the cycle: 81,137 beats of physionet2016 and 12,015 of
# circor2022 (`python -m training.segmentation.durations`); continued by hand beyond what they have
# (below 0.35 s and above 1.3 s). Diastole is what is left.
_CYCLE_S = (0.27, 0.35, 0.45, 0.55, 0.65, 0.75, 0.9, 1.1, 1.3, 2.0)
_MEAN_S = {
    _S1: (0.065, 0.075, 0.103, 0.123, 0.128, 0.130, 0.131, 0.134, 0.141, 0.145),
    _SYSTOLE: (0.075, 0.100, 0.108, 0.122, 0.147, 0.174, 0.199, 0.215, 0.235, 0.270),
    _S2: (0.055, 0.065, 0.083, 0.097, 0.101, 0.103, 0.108, 0.114, 0.115, 0.120),
}
_SPREAD_S = {_S1: 0.020, _SYSTOLE: 0.035, _S2: 0.020}
_DIASTOLE_SPREAD = 0.15  # of the cycle: a beat may come early or late, and the rate is an estimate
_LONGEST_FRAMES = 100  # 2 s: diastole at the lowest rate
_REACH = 4.0  # spreads from the mean, from where on a duration is as unlikely as any other
_TAIL = 6.0  # how much less likely than the mean, in nepers, at most
_GROUPS = (slice(_S1, _DIASTOLE), slice(_DIASTOLE, _DIASTOLE + 1))
_LEAST_PROBABILITY = 1e-3  # of a state: a net that is too sure must not overrule all beats


def likely_durations(rate_bpm: npt.NDArray[np.floating]) -> Floats:
    """How likely each state lasts 1, 2, ... frames at these rates.

    Parameters
    ----------
    rate_bpm
        Shape (n,), from `LEAST_BPM` to `MOST_BPM`.

    Returns
    -------
    Shape (n, states, longest), natural logarithms.

    Raises
    ------
    SignalError
        For a rate outside.
    """
    strange = rate_bpm[~((rate_bpm >= LEAST_BPM) & (rate_bpm <= MOST_BPM))]
    if len(strange):
        raise SignalError(
            f"a heart rate of {strange[0]:g} bpm: durations are known from {LEAST_BPM:g} to "
            f"{MOST_BPM:g} bpm"
        )
    places = np.rint((rate_bpm - LEAST_BPM) / _BPM_STEP).astype(np.int64)
    likely: Floats = _TABLE[places]
    return likely


def _table() -> Floats:
    cycle_s = 60 / np.arange(LEAST_BPM, MOST_BPM + _BPM_STEP, _BPM_STEP)
    means = {state: np.interp(cycle_s, _CYCLE_S, mean_s) for state, mean_s in _MEAN_S.items()}
    means[_DIASTOLE] = cycle_s - sum(means.values())
    spreads = {state: np.full(len(cycle_s), spread_s) for state, spread_s in _SPREAD_S.items()}
    spreads[_DIASTOLE] = _DIASTOLE_SPREAD * cycle_s
    lasting_s = np.arange(1, _LONGEST_FRAMES + 1) * FRAME_S
    states = range(len(STATES))
    mean_s = np.stack([means[state] for state in states], axis=1)[:, :, np.newaxis]
    spread_s = np.stack([spreads[state] for state in states], axis=1)[:, :, np.newaxis]
    away = (lasting_s - mean_s) / spread_s
    likely = -np.minimum(away**2 / 2, _TAIL) - np.log(spread_s / FRAME_S)
    possible = np.abs(away) <= _REACH
    return np.where(possible, likely, hsmm.NEVER).astype(np.float32)


_TABLE = _table()


class Segments(NamedTuple):
    """States of each window, one after the other, in a ring; times in seconds from its start.

    Attributes
    ----------
    kind
        Shape (n, most), int64: place in `STATES`; -1 behind a window's last one.
    start_s, end_s
        Shape (n, most): the first may begin before the window, the last may end after it.
    agreement
        Shape (n,), float32: mean probability of the states found, over the frames.
    labels
        Shape (n, frames), int64: the state of each frame.
    """

    kind: npt.NDArray[np.int64]
    start_s: npt.NDArray[np.float64]
    end_s: npt.NDArray[np.float64]
    agreement: Floats
    labels: npt.NDArray[np.int64]

    @property
    def middle_s(self) -> npt.NDArray[np.float64]:
        """Shape (n, most); NaN behind a window's last state."""
        return np.where(self.kind >= 0, (self.start_s + self.end_s) / 2, np.nan)


def segment(probabilities: Floats, rate_bpm: npt.NDArray[np.floating]) -> Segments:
    """Find the states of each window, whose heart beats at about such a rate.

    Parameters
    ----------
    probabilities
        Shape (n, frames, states), float32; the number of frames is even.
    rate_bpm
        Shape (n,).

    Raises
    ------
    SignalError
        For other shapes, or a rate that no heart has.
    """
    if probabilities.ndim != 3 or probabilities.shape[2] != len(STATES):
        raise SignalError(
            f"probabilities of shape {probabilities.shape}: expected (n, frames, {len(STATES)})"
        )
    frames = probabilities.shape[1]
    heard = np.ascontiguousarray(probabilities.transpose(0, 2, 1))
    emission = np.log(np.maximum(heard, np.float32(_LEAST_PROBABILITY)))
    likely = likely_durations(rate_bpm)
    paths = hsmm.decode(emission, likely, _GROUPS)
    onset = _onsets(paths, likely, frames)
    place = np.arange(onset.shape[1] - 1)
    there = place < paths.states[:, np.newaxis]
    kind = (paths.first[:, np.newaxis] + place) % len(STATES)
    labels = _labels(paths, there, frames)
    agreed = np.take_along_axis(heard, labels[:, np.newaxis], axis=1)[:, 0]
    return Segments(
        np.where(there, kind, -1),
        FRAME_S * onset[:, :-1].astype(np.float64),
        FRAME_S * onset[:, 1:].astype(np.float64),
        agreed.mean(axis=1),
        labels,
    )


def _onsets(paths: hsmm.Paths, likely: Floats, frames: int) -> npt.NDArray[np.int64]:
    """When each state begins, in frames; the last one goes on for as long as is likely."""
    rows, last = np.arange(len(paths.states)), paths.states - 1
    usual = likely[rows, (paths.first + last) % len(STATES)].argmax(axis=1) + 1
    onset = paths.onset.copy()
    onset[rows, paths.states] = np.maximum(frames, onset[rows, last] + usual)
    return onset


def _labels(paths: hsmm.Paths, there: npt.NDArray[np.bool_], frames: int) -> npt.NDArray[np.int64]:
    """The state of each frame, shape (n, frames): one further at each onset."""
    onsets = np.zeros((len(there), frames), np.int64)
    row, column = np.nonzero(there & (paths.onset[:, :-1] > 0))
    onsets[row, paths.onset[row, column]] = 1
    return (np.cumsum(onsets, axis=1) + paths.first[:, np.newaxis]) % len(STATES)
