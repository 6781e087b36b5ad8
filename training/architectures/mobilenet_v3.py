"""MobileNetV3-Small (Howard et al. 2019, 1905.02244), with torchvision's parameter names.

Work A's head (576 to 1024, Hardswish, dropout 0.2, 1024 to labels) is torchvision's own.
"""

from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from training.architectures.blocks import (
    SqueezeExcitation,
    conv_norm,
    initialise,
    to_multiple_of_8,
)

_NORM = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class _Row(NamedTuple):
    """One row of the paper's table 2."""

    kernel: int
    expanded: int
    wide: int
    squeeze: bool
    activation: type[nn.Module]
    stride: int


_ROWS = (
    _Row(3, 16, 16, True, nn.ReLU, 2),
    _Row(3, 72, 24, False, nn.ReLU, 2),
    _Row(3, 88, 24, False, nn.ReLU, 1),
    _Row(5, 96, 40, True, nn.Hardswish, 2),
    _Row(5, 240, 40, True, nn.Hardswish, 1),
    _Row(5, 240, 40, True, nn.Hardswish, 1),
    _Row(5, 120, 48, True, nn.Hardswish, 1),
    _Row(5, 144, 48, True, nn.Hardswish, 1),
    _Row(5, 288, 96, True, nn.Hardswish, 2),
    _Row(5, 576, 96, True, nn.Hardswish, 1),
    _Row(5, 576, 96, True, nn.Hardswish, 1),
)


class MobileNetV3Small(nn.Module):
    def __init__(self, labels: int, *, channels: int = 1, dropout: float = 0.2) -> None:
        super().__init__()
        conv = partial(conv_norm, norm=_NORM, activation=nn.Hardswish)
        narrow = 16
        layers: list[nn.Module] = [conv(channels, narrow, stride=2)]
        for row in _ROWS:
            layers.append(_Bottleneck(narrow, row))
            narrow = row.wide
        self.features = nn.Sequential(*layers, conv(narrow, 6 * narrow, 1))
        self.classifier = nn.Sequential(
            nn.Linear(6 * narrow, 1024),
            nn.Hardswish(),
            nn.Dropout(dropout),
            nn.Linear(1024, labels),
        )
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(picture).mean((2, 3)))
        return logits


class _Bottleneck(nn.Module):
    """Expand, filter each map by itself, weigh the maps, project."""

    def __init__(self, narrow: int, row: _Row) -> None:
        super().__init__()
        wide = row.expanded
        conv = partial(conv_norm, norm=_NORM, activation=row.activation)
        layers: list[nn.Module] = [] if wide == narrow else [conv(narrow, wide, 1)]
        layers.append(conv(wide, wide, row.kernel, stride=row.stride, groups=wide))
        if row.squeeze:
            squeezed = to_multiple_of_8(wide // 4)
            layers.append(SqueezeExcitation(wide, squeezed, gate=nn.Hardsigmoid))
        layers.append(conv(wide, row.wide, 1, activation=None))
        self.block = nn.Sequential(*layers)
        self._residual = row.stride == 1 and narrow == row.wide

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.block(maps)
        return maps + out if self._residual else out
