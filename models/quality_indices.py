"""What a window's sound is like, in numbers from the literature on the quality of heart sounds.

Blocks are measured once (`measure`), two of them make a window (`join`), and `indices` are
computed from that alone: vectorised over many windows, each row as if it were alone, bit for bit.

Sources
-------
Periodicity of the envelope by autocorrelation: Kumar D. et al., "Noise detection during heart
sound recording using periodicity signatures", Physiol. Meas. 32(5):599, 2011; Springer D. et al.,
"Automated signal quality assessment of mobile phone-recorded heart sound signals", J. Med. Eng.
Technol. 40(7-8):342, 2016. Kurtosis, spectral entropy and ratios of band energies: Zabihi M. et
al., "Heart sound anomaly and quality detection using ensemble of neural networks without
segmentation", CinC 2016; Tang H. et al., "Automated signal quality assessment for heart sound
signal by novel features and evaluation in open public datasets", BioMed Res. Int. 7565398, 2021.
Shares of clipped and of flat samples: Liu C. et al., "Signal quality assessment and lightweight
QRS detection for wearable ECG SmartVest system", IEEE IoT J. 6(2):1363, 2019.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

from models.contract import PIPELINE_GRID
from models.dsp import Floats
from models.envelope import ENVELOPE_RATE_HZ, Modulation, frame_power, modulation, smoothed
from models.errors import SignalError

TENTH_SAMPLES = PIPELINE_GRID.sample_rate_hz // 10  # what is measured is tenths of a second
_FLAT_FRAMES = 5  # in a tenth, of 20 ms each: whole samples at every rate of the wire
_NEAR_FULL_SCALE = int(0.97 * 2**15)
_FLOOR = np.float32(1e-14)  # power of full scale: below every converter's own noise

_FRAME = 80  # of the spectra: 40 ms, so bins of 25 Hz, every 25 ms
_STEP = 50
_HANN = np.hanning(_FRAME + 1)[:_FRAME].astype(np.float32)
_BINS = 16  # 25 to 400 Hz
_BANDS = (slice(0, 2), slice(2, 4), slice(4, 8))  # 25-50, 75-100, 125-200 Hz
_ABOVE_200_HZ = slice(8, 16)
_ROWS_AT_ONCE = 8  # more are allocated anew each time, at three times the cost

_SHORTEST_BEAT_S, _LONGEST_BEAT_S = 0.27, 2.0  # 220 and 30 beats a minute
_BEAT_FRAMES = 5  # of 10 ms: what one heart sound lasts, so that its waves do not count

INDICES = (
    "periodicity",
    "log_periodicity",
    "low_band_periodicity",
    "mid_band_periodicity",
    "low_mid_agreement",
    "mid_high_agreement",
    "contrast_db",
    "spread_db",
    "knock_db",
    "kurtosis",
    "slow_share",
    "spectral_entropy",
    "low_share_db",
    "high_share_db",
)


class Levels(NamedTuple):
    """What blocks, or windows, are like; the first axis counts them.

    Attributes
    ----------
    shares
        Shape (n, 2): of the samples that are clipped, and of the 20 ms frames of one value.
    moments
        Shape (n, 2), float32, full scale 1: the raw sound's variance, and the mean fourth power of
        the filtered one.
    spectrum
        Shape (n, 16), float32: mean power of the filtered sound around 25, 50 ... 400 Hz.
    power
        Shape (n, frames), float32: mean square of the filtered sound every 10 ms.
    bands
        Shape (n, 3, frames), float32: power every 25 ms around 25-50, 75-100 and 125-200 Hz.
    """

    shares: npt.NDArray[np.float64]
    moments: Floats
    spectrum: Floats
    power: Floats
    bands: Floats

    def row(self, number: int) -> "Levels":
        """One of them, without the first axis."""
        return self._at(number)

    def rows(self, chosen: slice | npt.NDArray[np.int64]) -> "Levels":
        return self._at(chosen)

    def _at(self, place: Any) -> "Levels":
        return Levels(
            shares=self.shares[place],
            moments=self.moments[place],
            spectrum=self.spectrum[place],
            power=self.power[place],
            bands=self.bands[place],
        )


def stacked(rows: Sequence[Levels]) -> Levels:
    """Many out of single ones (`Levels.row`)."""
    return Levels(
        shares=np.stack([row.shares for row in rows]),
        moments=np.stack([row.moments for row in rows]),
        spectrum=np.stack([row.spectrum for row in rows]),
        power=np.stack([row.power for row in rows]),
        bands=np.stack([row.bands for row in rows]),
    )


def join(earlier: Levels, later: Levels) -> Levels:
    """Windows out of neighbouring blocks of one length."""
    return Levels(
        shares=(earlier.shares + later.shares) / 2,
        moments=(earlier.moments + later.moments) / np.float32(2),
        spectrum=(earlier.spectrum + later.spectrum) / np.float32(2),
        power=np.concatenate([earlier.power, later.power], axis=1),
        bands=np.concatenate([earlier.bands, later.bands], axis=2),
    )


def measure(raw: npt.NDArray[np.int16], filtered: Floats) -> Levels:
    """Measure blocks: hops of the pipeline, or any other number of tenths of a second.

    Parameters
    ----------
    raw
        Shape (n, source samples), int16: each block's own samples as the device sent them.
    filtered
        Shape (n, samples), float32 of full scale 1: the same after the pipeline's filter, at the
        pipeline's rate.

    Raises
    ------
    SignalError
        If they are not the same blocks of whole tenths.
    """
    tenths, rest = divmod(filtered.shape[-1], TENTH_SAMPLES)
    fits = raw.ndim == filtered.ndim == 2 and len(raw) == len(filtered)
    if not fits or not tenths or rest or raw.shape[1] % (tenths * _FLAT_FRAMES):
        raise SignalError(f"raw {raw.shape} and filtered {filtered.shape} are not the same blocks")
    spectra, bands = _spectra(filtered)
    moments = np.empty((len(raw), 2), np.float32)
    moments[:, 0], moments[:, 1] = _variance(raw), _fourth_moment(filtered)
    return Levels(
        shares=_shares(raw, tenths),
        moments=moments,
        spectrum=spectra,
        power=frame_power(filtered),
        bands=bands,
    )


def indices(windows: Levels) -> npt.NDArray[np.float64]:
    """The `INDICES` of each window.

    periodicity
        Highest peak of the envelope's autocorrelation at the distance of two beats (30 to 220 a
        minute), 0 to 1; of its logarithm, which loud knocks do not rule; of the logarithm around
        25-50 Hz and 75-100 Hz.
    agreement
        Correlation of the logarithms of two bands' envelopes: a beat is in all of them at once.
    contrast_db, spread_db
        From the median, and from the quiet fifth, to the loud 5 % and 10 % of the frames.
    knock_db
        From the loud tenth of the frames to the loudest.
    kurtosis
        Logarithm of the sound's fourth moment over the square of its second; 1.1 is noise.
    slow_share
        Of the envelope's movement that is slower than any heart (below 0.4 Hz), logarithm.
    spectral_entropy
        Of the power in 16 bins of 25 Hz: 0 is one tone, 1 is white.
    low_share_db, high_share_db
        Power around 25-50 Hz, and above 200 Hz, of the whole.

    Returns
    -------
    Shape (n, 14), float64; finite for every sound.
    """
    mean_power = np.maximum(windows.power.mean(axis=1), _FLOOR)
    envelope = _beats(windows.power)
    loudness, logarithm = _movements(envelope)
    bands = [_logarithm(windows.bands[:, band]) for band in range(len(_BANDS))]
    shares = windows.spectrum / np.maximum(windows.spectrum.sum(axis=1, keepdims=True), 1e-20)
    found = (
        _beat_peak(loudness.autocorrelation, ENVELOPE_RATE_HZ),
        _beat_peak(logarithm.autocorrelation, ENVELOPE_RATE_HZ),
        *(_band_periodicity(band) for band in bands[:2]),
        *(_agreement(*pair) for pair in pairwise(bands)),
        *_contrasts_db(windows.power),
        np.log(np.maximum(windows.moments[:, 1] / np.square(mean_power, dtype=np.float64), 1e-3)),
        _slow_share(loudness),
        -np.sum(shares * np.log(shares + np.float32(1e-12)), axis=1) / np.log(_BINS),
        _db(shares[:, _BANDS[0]].sum(axis=1) + np.float32(1e-6)),
        _db(shares[:, _ABOVE_200_HZ].sum(axis=1) + np.float32(1e-6)),
    )
    return np.stack(found, axis=1).astype(np.float64)


def _shares(raw: npt.NDArray[np.int16], tenths: int) -> npt.NDArray[np.float64]:
    """Clipped samples, and 20 ms frames of one value."""
    frames = raw.reshape(len(raw), tenths * _FLAT_FRAMES, -1)
    shares = np.zeros((len(raw), 2))
    shares[:, 1] = np.mean((frames[:, :, 1:] == frames[:, :, :1]).all(axis=2), axis=1)
    loud = (raw.max(axis=1) >= _NEAR_FULL_SCALE) | (raw.min(axis=1) <= -_NEAR_FULL_SCALE)
    near = (raw[loud] >= _NEAR_FULL_SCALE) | (raw[loud] <= -_NEAR_FULL_SCALE)
    shares[loud, 0] = np.count_nonzero(near, axis=1) / raw.shape[1]
    return shares


def _variance(raw: npt.NDArray[np.int16]) -> Floats:
    sound = raw.astype(np.float32) / np.float32(2**15)
    mean = sound.mean(axis=1)
    variance: Floats = np.square(sound, out=sound).mean(axis=1) - np.square(mean)
    return np.maximum(variance, np.float32(0))


def _fourth_moment(filtered: Floats) -> Floats:
    square = np.square(filtered)
    moment: Floats = np.square(square, out=square).mean(axis=1)
    return moment


def _spectra(filtered: Floats) -> tuple[Floats, Floats]:
    """Mean spectrum, and the power of each band over time."""
    frames = filtered.shape[1] // _STEP - 1
    spectra = np.empty((len(filtered), _BINS), np.float32)
    bands = np.empty((len(filtered), len(_BANDS), frames), np.float32)
    framed = np.lib.stride_tricks.sliding_window_view(filtered, _FRAME, axis=1)[:, ::_STEP]
    for first in range(0, len(filtered), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        bins = fft.rfft(framed[rows] * _HANN, axis=2)[:, :, 1 : _BINS + 1]
        power = np.square(bins.real) + np.square(bins.imag)
        spectra[rows] = power.mean(axis=1)
        for band, chosen in enumerate(_BANDS):
            bands[rows, band] = power[:, :, chosen].sum(axis=2)
    return spectra, bands


def _beats(power: Floats) -> Floats:
    return smoothed(power, _BEAT_FRAMES)


def _movements(power: Floats) -> tuple[Modulation, Modulation]:
    """Of the envelope, a knock held down to three times the mean, and of its logarithm."""
    lags = _lags(power.shape[1], ENVELOPE_RATE_HZ)
    amplitude = np.sqrt(power)
    most = 3 * np.sqrt(power.mean(axis=1, keepdims=True))
    return (
        modulation(np.minimum(amplitude, most), lags),
        modulation(_logarithm(power), lags),
    )


def _lags(frames: int, rate_hz: float) -> int:
    """As long as a beat may last, and half of what there is at most."""
    return max(1, min(int(_LONGEST_BEAT_S * rate_hz), frames // 2))


def _logarithm(power: Floats) -> Floats:
    """Natural logarithm, floored 30 dB under the mean."""
    floor = power.mean(axis=1, keepdims=True) * np.float32(1e-3) + np.float32(1e-20)
    logarithm: Floats = np.log(power + floor)
    return logarithm


def _band_periodicity(logarithm: Floats) -> Floats:
    rate_hz = PIPELINE_GRID.sample_rate_hz / _STEP
    lags = _lags(logarithm.shape[1], rate_hz)
    return _beat_peak(modulation(logarithm, lags).autocorrelation, rate_hz)


def _beat_peak(autocorrelation: Floats, rate_hz: float) -> Floats:
    """The highest maximum between the shortest and the longest beat; 0 where there is none."""
    first = int(_SHORTEST_BEAT_S * rate_hz)
    lags = autocorrelation[:, first:]
    if lags.shape[1] < 3:
        return np.zeros(len(lags), np.float32)
    middle = lags[:, 1:-1]
    summit = (middle >= lags[:, :-2]) & (middle >= lags[:, 2:])
    peak: Floats = np.where(summit, middle, np.float32(0)).max(axis=1)
    return peak


def _agreement(one: Floats, other: Floats) -> Floats:
    one = one - one.mean(axis=1, keepdims=True)
    other = other - other.mean(axis=1, keepdims=True)
    together = np.mean(one * other, axis=1)
    apart = np.sqrt(np.mean(np.square(one), axis=1) * np.mean(np.square(other), axis=1))
    agreement: Floats = together / np.maximum(apart, np.float32(1e-9))
    return agreement


def _contrasts_db(power: Floats) -> tuple[Any, Any, Any]:
    last = power.shape[1] - 1
    places = [int(share * last) for share in (0.2, 0.5, 0.9, 0.95)]
    ordered = np.sort(power, axis=1)
    quiet, median, loud, louder = (_db(ordered[:, place]) for place in places)
    return louder - median, loud - quiet, _db(ordered[:, last]) - loud


def _slow_share(envelope: Modulation) -> Any:
    power = envelope.power[:, 1:]
    slow = int(0.4 * envelope.bin_frames / ENVELOPE_RATE_HZ)
    total = np.maximum(power.sum(axis=1), np.float32(1e-20))
    return np.log(np.maximum(power[:, :slow].sum(axis=1) / total, np.float32(1e-4)))


def _db(power: Floats) -> Floats:
    decibels: Floats = 10 * np.log10(np.maximum(power, _FLOOR))
    return decibels
