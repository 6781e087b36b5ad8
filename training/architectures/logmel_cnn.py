"""A small CNN on a log-mel picture that it computes itself: waveform in, logits out.

Each band's mean over the window is subtracted. That takes the sensor's own spectrum away, which
is what a net otherwise learns first: it names the database, and the database names the label.
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LogMelConfig:
    """Below 1 kHz the (Slaney) mel scale is linear, so the bands are equally wide.

    `floor` is the power, for windows of RMS 1, below which silence counts as equally silent.
    """

    sample_rate_hz: int = 2000
    frame_samples: int = 128
    hop_samples: int = 50
    bands: int = 24
    low_hz: float = 25.0
    high_hz: float = 400.0
    floor: float = 1e-2


@dataclass(frozen=True)
class CnnConfig:
    logmel: LogMelConfig = LogMelConfig()
    channels: tuple[int, ...] = (16, 32, 32, 48)
    dropout: float = 0.2


class LogMel(nn.Module):
    """(batch, samples) to (batch, 1, bands, frames): two convolutions and a logarithm.

    The first convolution is the DFT of every Hann-windowed frame, at the frequencies that the
    bands use and no others; the second adds up squares into bands. Both are written as convolutions
    of pictures one sample high, for which the runtime has kernels that are a third faster.
    """

    dft: Tensor
    bank: Tensor

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        self._hop = config.hop_samples
        self._floor = config.floor
        bank = mel_bank(config)
        used = torch.nonzero(bank.sum(0)).squeeze(1)
        bank = bank[:, used]
        self.register_buffer("dft", _dft(config, used)[:, None, None].float())
        self.register_buffer("bank", torch.cat([bank, bank], 1)[:, :, None, None].float())

    def forward(self, waveform: Tensor) -> Tensor:
        spectrum = nn.functional.conv2d(waveform[:, None, None], self.dft, stride=(1, self._hop))
        power = nn.functional.conv2d(spectrum * spectrum, self.bank)
        level = torch.log(power.transpose(1, 2) + self._floor)
        return level - level.mean(-1, keepdim=True)


class LogMelCnn(nn.Module):
    """Dense 3x3 convolutions of stride 2, pooled over bands and time: (batch, labels) logits.

    Pooling over time takes any length of at least one second.
    """

    def __init__(self, labels: int, config: CnnConfig) -> None:
        super().__init__()
        self.front = LogMel(config.logmel)
        widths = (1, *config.channels)
        self.body = nn.Sequential(
            *(_stage(narrow, wide) for narrow, wide in itertools.pairwise(widths))
        )
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(widths[-1], labels))

    def forward(self, waveform: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(self.front(waveform)).mean((2, 3)))
        return logits


def mel_bank(config: LogMelConfig) -> Tensor:
    """Triangular filters, shape (bands, frame_samples // 2 + 1), of height 1."""
    bins = torch.arange(config.frame_samples // 2 + 1, dtype=torch.float64)
    bins_hz = bins * config.sample_rate_hz / config.frame_samples
    edges_hz = torch.linspace(config.low_hz, config.high_hz, config.bands + 2, dtype=torch.float64)
    rising = (bins_hz - edges_hz[:-2, None]) / (edges_hz[1:-1] - edges_hz[:-2])[:, None]
    falling = (edges_hz[2:, None] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0)


def _dft(config: LogMelConfig, bins: Tensor) -> Tensor:
    """Cosines, then sines, of the given bins under a periodic Hann window."""
    size = config.frame_samples
    phase = 2 * math.pi / size * torch.outer(bins.double(), torch.arange(size).double())
    window = torch.hann_window(size, periodic=True, dtype=torch.float64)
    return torch.cat([phase.cos(), phase.sin()]) * window


def _stage(narrow: int, wide: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
    )
