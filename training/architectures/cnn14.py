"""PANNs CNN14 (Kong et al. 2020, 1912.10211), with the names of `Cnn14_mAP=0.431.pth`.

Waveform in: its short-time spectrum and mel bands are parameters of the published file
(`spectrogram_extractor`, `logmel_extractor`), followed by a normalisation of each band. So it takes
no other front end, and no plain spectrogram. The published ones are for 32 kHz and 1024-sample
frames; with another rate or frame they do not fit in shape, and are computed here instead.

What it left to training is left to the recipe here: spectrogram augmentation and mixup.
"""

import torch
from torch import Tensor, nn

from models.errors import ConfigurationError
from training.front_end_config import LogMelConfig
from training.front_ends import band_edges_hz, hann_dft, levelled, mel_bank

_WIDTHS = (1, 64, 128, 256, 512, 1024, 2048)
LEAST_SIDE = 32


class Cnn14(nn.Module):
    def __init__(self, labels: int, *, config: LogMelConfig) -> None:
        super().__init__()
        if (config.level, config.normalisation, config.centred) != ("db", "none", True):
            raise ConfigurationError(
                "cnn14 was published for plain decibels of centred frames, which it normalises "
                'itself: set level = "db", normalisation = "none" and centred = true'
            )
        self.spectrogram_extractor = _Spectrogram(config)
        self.logmel_extractor = _MelBands(config)
        self.bn0 = nn.BatchNorm2d(config.bands)
        for block in range(1, len(_WIDTHS)):
            self.add_module(f"conv_block{block}", _Block(_WIDTHS[block - 1], _WIDTHS[block]))
        self.fc1 = nn.Linear(_WIDTHS[-1], 2048)
        self.fc_audioset = nn.Linear(2048, labels)
        for layer in (self.fc1, self.fc_audioset):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, waveform: Tensor) -> Tensor:
        bands = self.logmel_extractor(self.spectrogram_extractor(waveform))
        maps = self.bn0(bands).transpose(1, 3)  # (batch, 1, frames, bands), as it was published
        for block in range(1, len(_WIDTHS)):
            maps = self.get_submodule(f"conv_block{block}")(maps)
            if block < len(_WIDTHS) - 1:
                maps = nn.functional.avg_pool2d(maps, 2)
            maps = nn.functional.dropout(maps, 0.2, self.training)
        over_time = maps.mean(3)
        pooled = over_time.amax(2) + over_time.mean(2)
        hidden = self.fc1(nn.functional.dropout(pooled, 0.5, self.training)).relu()
        logits: Tensor = self.fc_audioset(nn.functional.dropout(hidden, 0.5, self.training))
        return logits


class _Block(nn.Module):
    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(narrow, wide, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(wide, wide, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.bn2 = nn.BatchNorm2d(wide)
        for conv in (self.conv1, self.conv2):
            nn.init.xavier_uniform_(conv.weight)

    def forward(self, maps: Tensor) -> Tensor:
        hidden = self.bn1(self.conv1(maps)).relu()
        out: Tensor = self.bn2(self.conv2(hidden)).relu()
        return out


class _Stft(nn.Module):
    """Real and imaginary part of every frame, centred, mirrored at the window's ends."""

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        size = config.frame_samples
        bins = size // 2 + 1
        self._padding = size // 2
        self.conv_real = nn.Conv1d(1, bins, size, config.hop_samples, bias=False)
        self.conv_imag = nn.Conv1d(1, bins, size, config.hop_samples, bias=False)
        cosines, sines = hann_dft(size, torch.arange(bins)).float()[:, None].chunk(2)
        self.conv_real.weight = nn.Parameter(cosines, requires_grad=False)
        self.conv_imag.weight = nn.Parameter(-sines, requires_grad=False)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        ends = (self._padding, self._padding)
        padded = nn.functional.pad(waveform[:, None], ends, mode="reflect")
        return self.conv_real(padded), self.conv_imag(padded)


class _Spectrogram(nn.Module):
    """Power: (batch, 1, frames, bins)."""

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        self.stft = _Stft(config)

    def forward(self, waveform: Tensor) -> Tensor:
        real, imaginary = self.stft(waveform)
        power: Tensor = real * real + imaginary * imaginary
        return power[:, None].transpose(2, 3)


class _MelBands(nn.Module):
    """Decibels, bands first: (batch, bands, frames, 1). Each filter has the same area."""

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        edges_hz = band_edges_hz(config)
        of_equal_area = mel_bank(config) * 2 / (edges_hz[2:] - edges_hz[:-2])[:, None]
        self.melW = nn.Parameter(of_equal_area.T.float(), requires_grad=False)

    def forward(self, power: Tensor) -> Tensor:
        return levelled(power @ self.melW, "db", 0.0).transpose(1, 3)
