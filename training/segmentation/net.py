"""The net that says, every 20 ms, which of the heart's four states is heard.

Log-mel bands in the graph, each band's mean over the window removed; two convolutions at 50 frames
a second, a stack of dilated ones at 10 a second that hears some beats to either
side, and back to 50, where what was heard there decides when exactly. Everything is a picture one
sample high, the form that ONNX Runtime is fastest at.
"""

import msgspec
import torch
from torch import Tensor, nn

from training.front_end_config import LogMelConfig
from training.front_ends import hann_dft, levelled, mel_bank
from training.segmentation.marked import FRAME_SAMPLES

_SLOWER = 5  # fine frames to a coarse one: 100 ms


class NetConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`fine` and `coarse` are numbers of maps; `dilations` of the coarse layers, in order."""

    front_end: LogMelConfig = LogMelConfig(
        bands=16, frame_samples=128, hop_samples=FRAME_SAMPLES, floor=1e-2
    )
    fine: int = 24
    coarse: int = 48
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1)


class StateNet(nn.Module):
    """(batch, samples) of RMS 1 to (batch, frames, states), without the softmax."""

    dft: Tensor
    bank: Tensor

    def __init__(self, states: int, config: NetConfig) -> None:
        super().__init__()
        front = config.front_end
        bank = mel_bank(front)
        used = torch.nonzero(bank.sum(0)).squeeze(1)
        bank = bank[:, used]
        self.register_buffer("dft", hann_dft(front.frame_samples, used)[:, None, None].float())
        self.register_buffer("bank", torch.cat([bank, bank], 1)[:, :, None, None].float())
        self._front = front
        fine, coarse = config.fine, config.coarse
        self._fine = fine
        self.before = nn.Sequential(
            _layer(front.bands, fine, config.kernel), _layer(fine, fine, config.kernel)
        )
        self.slower = _layer(fine, coarse, _SLOWER, stride=_SLOWER)
        self.context = nn.ModuleList(
            _layer(coarse, coarse, 3, dilation=dilation) for dilation in config.dilations
        )
        self.faster = nn.Conv2d(coarse, _SLOWER * fine, 1)
        self.after = nn.Sequential(_layer(fine, fine, config.kernel), nn.Conv2d(fine, states, 1))

    def forward(self, waveform: Tensor) -> Tensor:
        heard = self.before(self._bands(waveform))
        context = self.slower(heard)
        for layer in self.context:
            context = context + layer(context)
        frames = heard.shape[-1]
        # (batch, fine * 5, 1, coarse frames) to (batch, fine, 1, frames)
        unfolded = self.faster(context).reshape(-1, self._fine, _SLOWER, frames // _SLOWER)
        back = unfolded.transpose(2, 3).reshape(-1, self._fine, 1, frames)
        logits: Tensor = self.after(torch.relu(heard + back))
        return logits.squeeze(2).transpose(1, 2)

    def _bands(self, waveform: Tensor) -> Tensor:
        """(batch, bands, 1, frames); each frame is centred on its own 20 ms."""
        stride = self._front.hop_samples
        padding = (self._front.frame_samples - stride) // 2
        spectrum = nn.functional.conv2d(
            waveform[:, None, None], self.dft, stride=(1, stride), padding=(0, padding)
        )
        power = nn.functional.conv2d(spectrum * spectrum, self.bank)
        level = levelled(power, self._front.level, self._front.floor)
        return level - level.mean(-1, keepdim=True)


def _layer(
    narrow: int, wide: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = 0 if stride > 1 else kernel // 2 * dilation
    return nn.Sequential(
        nn.Conv2d(
            narrow,
            wide,
            (1, kernel),
            (1, stride),
            (0, padding),
            (1, dilation),
            bias=False,
        ),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
    )
