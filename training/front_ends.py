"""From waveform to picture, inside the net: (batch, samples) to (batch, 1, features, frames).

Everything is a plain convolution or an elementwise operation, so that the exported graph computes
the same, in the form that ONNX Runtime is fastest at: as pictures one sample high, for which it has
kernels that are a third faster than for sequences. Its own STFT operator takes three to eight times
as long.
"""

import logging
import math

import torch
from torch import Tensor, nn

from training.front_end_config import (
    FrontEndConfig,
    Level,
    LogMelConfig,
    MfccConfig,
    Normalisation,
    RawFramesConfig,
    SpectrogramConfig,
)

_LOG = logging.getLogger(__name__)
_LEAST_POWER = 1e-10
_RANGE_DB = 80.0
_LEAST_SPREAD = 1e-6  # what a constant picture is divided by, in place of zero
_SILENT_POWER = 1e-5  # of a window of RMS 1: the rounding of 16 bits is louder, zeros are not


def build(config: FrontEndConfig) -> nn.Module:
    match config:
        case LogMelConfig():
            return LogMel(config)
        case SpectrogramConfig():
            return Spectrogram(config)
        case MfccConfig():
            return Mfcc(config)
        case RawFramesConfig():
            return RawFrames(config)


class LogMel(nn.Module):
    """Two convolutions and a logarithm.

    The first convolution is the DFT of every Hann-windowed frame, at the frequencies that the
    bands use and no others; the second adds up squares into bands.
    """

    dft: Tensor
    bank: Tensor

    def __init__(self, config: LogMelConfig | MfccConfig) -> None:
        super().__init__()
        self._config = config
        bank = mel_bank(config)
        used = torch.nonzero(bank.sum(0)).squeeze(1)
        bank = bank[:, used]
        self.register_buffer("dft", hann_dft(config.frame_samples, used)[:, None, None].float())
        self.register_buffer("bank", torch.cat([bank, bank], 1)[:, :, None, None].float())

    def forward(self, waveform: Tensor) -> Tensor:
        return normalised(
            self.levels(waveform), self._config.normalisation, silence=silence(self._config)
        )

    def levels(self, waveform: Tensor) -> Tensor:
        squares = _squares(waveform, self.dft, self._config)
        power = nn.functional.conv2d(squares, self.bank)
        return levelled(power.transpose(1, 2), self._config.level, self._config.floor)


class Mfcc(LogMel):
    """A third convolution: the DCT over the bands of a log-mel picture."""

    dct: Tensor

    def __init__(self, config: MfccConfig) -> None:
        super().__init__(config)
        self.register_buffer("dct", _dct(config)[:, :, None, None].float())

    def forward(self, waveform: Tensor) -> Tensor:
        levels = self.levels(waveform).transpose(1, 2)
        cepstrum = nn.functional.conv2d(levels, self.dct).transpose(1, 2)
        return normalised(cepstrum, self._config.normalisation)


class Spectrogram(nn.Module):
    """The DFT of every Hann-windowed frame, at the bins in range."""

    dft: Tensor

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self._config = config
        dft = hann_dft(config.frame_samples, torch.tensor(config.bins))
        self.register_buffer("dft", dft[:, None, None].float())

    def forward(self, waveform: Tensor) -> Tensor:
        squares = _squares(waveform, self.dft, self._config)
        bins = self._config.features
        power = (squares[:, :bins] + squares[:, bins:]).transpose(1, 2)
        levels = levelled(power, self._config.level, self._config.floor)
        return normalised(levels, self._config.normalisation, silence=silence(self._config))


class RawFrames(nn.Module):
    """Frames of the waveform itself, as one convolution with the identity."""

    identity: Tensor

    def __init__(self, config: RawFramesConfig) -> None:
        super().__init__()
        self._config = config
        self.register_buffer("identity", torch.eye(config.frame_samples)[:, None, None])

    def forward(self, waveform: Tensor) -> Tensor:
        stride = (1, self._config.hop_samples)
        frames = nn.functional.conv2d(waveform[:, None, None], self.identity, stride=stride)
        return normalised(frames.transpose(1, 2), self._config.normalisation)


def _without_means(picture: Tensor, silence: float | None) -> Tensor:
    if silence is None:
        return picture - picture.mean(-1, keepdim=True)
    heard = (picture.amax(2, keepdim=True) > silence).to(picture.dtype)
    frames = heard.sum(-1, keepdim=True).clamp(min=1.0)
    means = picture @ heard.transpose(2, 3) / frames
    return (picture - means) * heard


def levelled(power: Tensor, level: Level, floor: float) -> Tensor:
    match level:
        case "log":
            return torch.log(power + floor)
        case "db":
            return _decibels(power)
        case "db-of-max":
            decibels = _decibels(power)
            return (decibels - decibels.amax((2, 3), keepdim=True)).clamp(min=-_RANGE_DB)
        case "magnitude":
            return power.clamp(min=_LEAST_POWER).sqrt()
        case "power":
            return power


def silence(config: LogMelConfig | MfccConfig | SpectrogramConfig) -> float | None:
    """The level up to which a frame is silence; None where no level is its own."""
    return math.log(config.floor + _SILENT_POWER) if config.level == "log" else None


def makes_silence_zeros(config: FrontEndConfig) -> bool:
    """Whether frames without sound are zeros in the picture, and no others are."""
    heard = isinstance(config, LogMelConfig | SpectrogramConfig) and silence(config) is not None
    return heard and config.normalisation == "band-mean"


def normalised(
    picture: Tensor, normalisation: Normalisation, *, silence: float | None = None
) -> Tensor:
    """Over each window by itself; a constant picture becomes zeros, never a division by zero.

    Frames without sound, as after a short recording or in a stream's hole, count in no band's mean
    and become it. Else the sound beside them would be that much above the mean: a net that had
    heard whole windows alone called all of them abnormal.
    """
    match normalisation:
        case "band-mean":
            return _without_means(picture, silence)
        case "band-standard":
            centred = picture - picture.mean(-1, keepdim=True)
            deviation = centred.square().mean((2, 3), keepdim=True).sqrt()
            return centred / deviation.clamp(min=_LEAST_SPREAD)
        case "standard":
            centred = picture - picture.mean((2, 3), keepdim=True)
            deviation = centred.square().mean((2, 3), keepdim=True).sqrt()
            return centred / deviation.clamp(min=_LEAST_SPREAD)
        case "unit":
            lowest = picture.amin((2, 3), keepdim=True)
            spread = picture.amax((2, 3), keepdim=True) - lowest
            return (picture - lowest) / spread.clamp(min=_LEAST_SPREAD)
        case "none":
            return picture


def mel_bank(config: LogMelConfig | MfccConfig) -> Tensor:
    """Triangular filters, shape (bands, frame_samples // 2 + 1), of height 1.

    One rule for bands that are so narrow that no bin of the DFT falls inside (128 bands from the 65
    bins of a 128-sample frame): such a band hears the one bin that is nearest to its centre. So the
    picture keeps the height that was asked for and no row of it is constant, but neighbours may
    hear the same; the log says how many.
    """
    bins_hz = torch.arange(config.frame_samples // 2 + 1, dtype=torch.float64) * config.bin_hz
    edges_hz = band_edges_hz(config)
    rising = (bins_hz - edges_hz[:-2, None]) / (edges_hz[1:-1] - edges_hz[:-2])[:, None]
    falling = (edges_hz[2:, None] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])[:, None]
    bank = torch.minimum(rising, falling).clamp(min=0)
    empty = torch.nonzero(bank.sum(1) == 0).squeeze(1)
    if len(empty):
        nearest = (bins_hz - edges_hz[1:-1][empty, None]).abs().argmin(1)
        bank[empty, nearest] = 1.0
        _LOG.warning(
            "%d of %d mel bands without a bin of a %d-sample frame: each hears the nearest one",
            *(len(empty), config.bands, config.frame_samples),
        )
    return bank


def band_edges_hz(config: LogMelConfig | MfccConfig) -> Tensor:
    """Where each band begins, peaks and ends is at k, k + 1 and k + 2: shape (bands + 2,)."""
    ends_hz = torch.tensor([config.low_hz, config.high_hz], dtype=torch.float64)
    low_mel, high_mel = _mel_of_hz(ends_hz).tolist()
    return _hz_of_mel(torch.linspace(low_mel, high_mel, config.bands + 2, dtype=torch.float64))


def _squares(
    waveform: Tensor, dft: Tensor, config: LogMelConfig | MfccConfig | SpectrogramConfig
) -> Tensor:
    """Squared real, then imaginary parts: (batch, 2 * bins, 1, frames)."""
    spectrum = nn.functional.conv2d(
        waveform[:, None, None], dft, stride=(1, config.hop_samples), padding=(0, config.padding)
    )
    return spectrum * spectrum


def _decibels(power: Tensor) -> Tensor:
    return 10 / math.log(10) * torch.log(power.clamp(min=_LEAST_POWER))


def hann_dft(frame_samples: int, bins: Tensor) -> Tensor:
    """Cosines, then sines, of the given bins under a periodic Hann window."""
    phase = (
        2
        * math.pi
        / frame_samples
        * torch.outer(bins.double(), torch.arange(frame_samples).double())
    )
    window = torch.hann_window(frame_samples, periodic=True, dtype=torch.float64)
    return torch.cat([phase.cos(), phase.sin()]) * window


def _dct(config: MfccConfig) -> Tensor:
    """Orthonormal DCT-II, shape (coefficients, bands)."""
    order = torch.arange(config.coefficients, dtype=torch.float64)
    centre = torch.arange(config.bands, dtype=torch.float64) + 0.5
    dct = torch.cos(math.pi / config.bands * torch.outer(order, centre))
    dct[0] /= math.sqrt(2)
    return dct * math.sqrt(2 / config.bands)


# Slaney's Auditory Toolbox: linear to 1 kHz, then 27 steps for each factor of 6.4.
_HZ_PER_MEL = 200 / 3
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _HZ_PER_MEL
_LOG_STEP = math.log(6.4) / 27


def _mel_of_hz(frequency_hz: Tensor) -> Tensor:
    above = _KNEE_MEL + torch.log(frequency_hz.clamp(min=_KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return torch.where(frequency_hz < _KNEE_HZ, frequency_hz / _HZ_PER_MEL, above)


def _hz_of_mel(mel: Tensor) -> Tensor:
    above = _KNEE_HZ * torch.exp((mel.clamp(min=_KNEE_MEL) - _KNEE_MEL) * _LOG_STEP)
    return torch.where(mel < _KNEE_MEL, mel * _HZ_PER_MEL, above)
