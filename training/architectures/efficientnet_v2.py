"""EfficientNetV2-S (Tan and Le 2021, 2104.00298), with torchvision's parameter names.

Work A's head (dropout 0.2, 1280 to labels) is torchvision's own.
"""

from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from training.architectures.blocks import (
    SqueezeExcitation,
    StochasticDepth,
    conv_norm,
    initialise,
)

_NORM = partial(nn.BatchNorm2d, eps=1e-3)
_LAST = 1280
_MOST_DEPTH_DROPPED = 0.2

_conv = partial(conv_norm, norm=_NORM, activation=nn.SiLU)


class _Stage(NamedTuple):
    """One row of the paper's table 4; fused: one dense convolution expands and filters."""

    fused: bool
    expansion: int
    stride: int
    wide: int
    repeats: int


_STAGES = (
    _Stage(True, 1, 1, 24, 2),
    _Stage(True, 4, 2, 48, 4),
    _Stage(True, 4, 2, 64, 4),
    _Stage(False, 4, 2, 128, 6),
    _Stage(False, 6, 1, 160, 9),
    _Stage(False, 6, 2, 256, 15),
)


class EfficientNetV2S(nn.Module):
    def __init__(self, labels: int, *, channels: int = 1, dropout: float = 0.2) -> None:
        super().__init__()
        narrow = 24
        layers: list[nn.Module] = [_conv(channels, narrow, stride=2)]
        blocks = sum(stage.repeats for stage in _STAGES)
        block = 0
        for stage in _STAGES:
            made: list[nn.Module] = []
            for _ in range(stage.repeats):
                stride = 1 if made else stage.stride
                made.append(_Residual(narrow, stage, stride, _MOST_DEPTH_DROPPED * block / blocks))
                narrow, block = stage.wide, block + 1
            layers.append(nn.Sequential(*made))
        self.features = nn.Sequential(*layers, _conv(narrow, _LAST, 1))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(_LAST, labels))
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(picture).mean((2, 3)))
        return logits


class _Residual(nn.Module):
    def __init__(self, narrow: int, stage: _Stage, stride: int, dropped: float) -> None:
        super().__init__()
        made = _fused if stage.fused else _depthwise
        self.block = nn.Sequential(*made(narrow, narrow * stage.expansion, stage.wide, stride))
        self.stochastic_depth = StochasticDepth(dropped)
        self._residual = stride == 1 and narrow == stage.wide

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.block(maps)
        return maps + self.stochastic_depth(out) if self._residual else out


def _fused(narrow: int, hidden: int, wide: int, stride: int) -> list[nn.Module]:
    if hidden == narrow:
        return [_conv(narrow, wide, stride=stride)]
    return [_conv(narrow, hidden, stride=stride), _conv(hidden, wide, 1, activation=None)]


def _depthwise(narrow: int, hidden: int, wide: int, stride: int) -> list[nn.Module]:
    return [
        _conv(narrow, hidden, 1),
        _conv(hidden, hidden, stride=stride, groups=hidden),
        SqueezeExcitation(hidden, narrow // 4, activation=nn.SiLU),
        _conv(hidden, wide, 1, activation=None),
    ]
