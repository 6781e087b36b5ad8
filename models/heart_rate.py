"""How fast the heart beats, how surely, and how evenly.

The mistakes of every autocorrelation are half and double rate: the envelope repeats itself after
two beats as well as after one, and after half a beat where systole is as long as diastole. Here the
states that the segmentation's net hears are compared too, which tell S1 from S2, and of multiples
the shortest counts. The rate itself comes from the beats that were found with it.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

from models.errors import SignalError
from models.rhythm import LEAST_BPM, MOST_BPM
from models.segmentation import FRAME_S, STATES, Segments

Floats = npt.NDArray[np.float32]

_SHORTEST = round(60 / MOST_BPM / FRAME_S)  # 14 frames
_LONGEST = round(60 / LEAST_BPM / FRAME_S)  # 100 frames
FEWEST_FRAMES = 2 * _LONGEST  # in which a rate can be told
_ENVELOPE_SHARE = 0.15  # of the envelope among what is compared; the rest is the states'
_NEARLY = 0.7  # as much repetition as at the best period: the shortest such counts
_LEAST_POWER = 1e-9  # of full scale
_FEWEST_INTERVALS = 2
_ROUNDING = 0.03  # of a rate at either end: frames are no finer
_FAR_OFF = 0.2  # of the median of a window's intervals
_FEWEST_CHANGES = 2  # of a beat's length to the next, before evenness is told

# Of a logistic regression on windows of subjects that the nets never heard, five folds together
# (`python -m training.segmentation.confidence`): whether the rate is within 5 bpm.
_BIAS = -12.5
_WEIGHTS = (15.6, 3.6, -14.5)  # in the order of `evidence`
_MOST_APART = 0.3


class Periods(NamedTuple):
    """What repeats itself in each window.

    Attributes
    ----------
    rate_bpm
        Shape (n,), float64, from `LEAST_BPM` to `MOST_BPM`.
    strength
        Shape (n,), float32: correlation of the window with itself one period later, at most 1.
    """

    rate_bpm: npt.NDArray[np.float64]
    strength: Floats


def periods(probabilities: Floats, power: Floats) -> Periods:
    """Find the period of each window.

    Parameters
    ----------
    probabilities
        Shape (n, frames, states), of each state in each frame.
    power
        Shape (n, m * frames): the envelope, finer than the frames or as fine.

    Raises
    ------
    SignalError
        For shapes that do not belong together, or windows shorter than two of the longest periods.
    """
    windows, frames, _ = probabilities.shape
    if power.shape[0] != windows or power.shape[1] % frames or frames < FEWEST_FRAMES:
        raise SignalError(
            f"states of shape {probabilities.shape} with an envelope of shape {power.shape}"
        )
    heard = np.ascontiguousarray(probabilities.transpose(0, 2, 1))
    envelope = np.log(power.reshape(windows, frames, -1).sum(axis=2) + np.float32(_LEAST_POWER))
    repeated = (1 - _ENVELOPE_SHARE) * repetition(heard) + _ENVELOPE_SHARE * repetition(
        envelope[:, np.newaxis]
    )
    return _periods(repeated)


def repetition(signals: Floats) -> Floats:
    """How much several signals together are like themselves some frames later.

    Parameters
    ----------
    signals
        Shape (n, signals, frames).

    Returns
    -------
    Shape (n, longest period + 2), by frames: correlation, 1 at 0; 0 for signals that stand still.
    """
    windows, _, frames = signals.shape
    centred = signals - signals.mean(axis=2, keepdims=True)
    lags = _LONGEST + 2
    size = fft.next_fast_len(frames + lags, real=True)
    spectrum = fft.rfft(centred, size, axis=2)
    density = (spectrum.real**2 + spectrum.imag**2).sum(axis=1)
    product = fft.irfft(density, size, axis=1)[:, :lags]
    energy = np.zeros((windows, frames + 1), np.float32)
    np.cumsum(np.square(centred).sum(axis=1), axis=1, out=energy[:, 1:])
    earlier = energy[:, frames - np.arange(lags)]
    later = energy[:, -1:] - energy[:, :lags]
    repeated: Floats = product / np.sqrt(np.maximum(earlier * later, _LEAST_POWER))
    return repeated


def _periods(repeated: Floats) -> Periods:
    """The shortest period that repeats nearly as much as the best, between frames."""
    lags = slice(_SHORTEST, _LONGEST + 1)
    here = repeated[:, lags]
    before, after = repeated[:, _SHORTEST - 1 : _LONGEST], repeated[:, _SHORTEST + 1 :]
    peak = (here >= before) & (here >= after)
    best = np.where(peak, here, -1).max(axis=1, keepdims=True)
    # Where nothing is a peak, every lag counts, so the first does.
    chosen = (np.where(peak, here, -1) >= _NEARLY * best).argmax(axis=1)
    rows = np.arange(len(repeated))
    low, middle, high = (each[rows, chosen] for each in (before, here, after))
    bend = low - 2 * middle + high
    shift = np.where(bend < 0, (low - high) / (2 * np.minimum(bend, -1e-6)), 0)
    lag = _SHORTEST + chosen + np.clip(shift, -0.5, 0.5)
    rate_bpm = np.clip(60 / (lag * FRAME_S), LEAST_BPM, MOST_BPM)
    return Periods(rate_bpm.astype(np.float64), middle)


class Beating(NamedTuple):
    """What the beats of each window say; NaN where there are too few.

    Attributes
    ----------
    rate_bpm
        Shape (n,): the mean over the beats.
    irregularity
        Shape (n,): root mean square of the change from one beat's length to the next, as a share
        of the mean length.
    """

    rate_bpm: npt.NDArray[np.float64]
    irregularity: npt.NDArray[np.float64]


def beating(segments: Segments, window_s: float) -> Beating:
    """Measure beats from S1 to S1 and from S2 to S2, of sounds whose middle is in the window."""
    middle_s = segments.middle_s
    sounds = (segments.kind == STATES.index("S1")) | (segments.kind == STATES.index("S2"))
    middle_s = np.where(sounds & (middle_s >= 0) & (middle_s < window_s), middle_s, np.nan)
    ring = len(STATES)
    beat_s = middle_s[:, ring:] - middle_s[:, :-ring]
    intervals, mean_s = _means(_without_one_far_off(beat_s))
    changes, mean_square = _means(np.square(beat_s[:, ring:] - beat_s[:, :-ring]))
    rate_bpm = 60 / np.where(intervals >= _FEWEST_INTERVALS, mean_s, np.nan)
    within = np.clip(rate_bpm, LEAST_BPM, MOST_BPM)
    rate_bpm = np.where(np.abs(rate_bpm - within) <= _ROUNDING * within, within, np.nan)
    even = np.sqrt(mean_square) / mean_s
    return Beating(rate_bpm, np.where(changes >= _FEWEST_CHANGES, even, np.nan))


def confidence(
    agreement: Floats, strength: Floats, found_bpm: npt.NDArray[np.float64], beats: Beating
) -> npt.NDArray[np.float64]:
    """How likely each rate is right within 5 bpm, shape (n,); 0 where there is no rate.

    Parameters
    ----------
    agreement
        Of the states found with what was heard: see `Segments`.
    strength, found_bpm
        Of the period by which they were found: see `Periods`.
    """
    known = evidence(agreement, strength, found_bpm, beats)
    odds = _BIAS + sum(weight * known[:, k] for k, weight in enumerate(_WEIGHTS))
    return np.where(np.isnan(beats.rate_bpm), 0.0, 1 / (1 + np.exp(-odds)))


def evidence(
    agreement: Floats, strength: Floats, found_bpm: npt.NDArray[np.float64], beats: Beating
) -> npt.NDArray[np.float64]:
    """What tells how sure a rate is, shape (n, 3).

    Agreement, strength, and how far the rate of the beats is from that of the period: the
    logarithm of their ratio, at most `_MOST_APART`.
    """
    apart = np.abs(np.log(beats.rate_bpm / found_bpm))
    return np.stack([agreement, strength, np.minimum(apart, _MOST_APART)], axis=1).astype(
        np.float64
    )


def _without_one_far_off(beat_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows in which a single interval is far from the median, without that one.

    It ends at a sound that the window cuts, where the net may err. An early beat makes several.
    """
    count = np.count_nonzero(~np.isnan(beat_s), axis=1)
    ordered = np.sort(beat_s, axis=1)  # what is no number comes last
    rows, half = np.arange(len(beat_s)), np.maximum(count - 1, 0)
    median_s = (ordered[rows, half // 2] + ordered[rows, (half + 1) // 2]) / 2
    off = np.abs(beat_s - median_s[:, np.newaxis]) > _FAR_OFF * median_s[:, np.newaxis]
    alone = (np.count_nonzero(off, axis=1) == 1) & (count > _FEWEST_INTERVALS)
    return np.where(off & alone[:, np.newaxis], np.nan, beat_s)


def _means(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """How many of each row are numbers, and their mean; NaN of none."""
    numbers = ~np.isnan(values)
    count = np.count_nonzero(numbers, axis=1)
    # One after the other: how rows are padded depends on what else is in the batch.
    total = np.cumsum(np.where(numbers, values, 0), axis=1)[:, -1] if values.shape[1] else 0.0
    return count, np.where(count > 0, total / np.maximum(count, 1), np.nan)
