"""MobileNetV2 (Sandler et al. 2018, 1801.04381), with torchvision's parameter names.

Work E's 2.2 M parameters are those of the features; its head is one linear layer, as here.
"""

from functools import partial

from torch import Tensor, nn

from training.architectures.blocks import conv_norm, initialise

# Expansion, channels, repeats, stride of the first: the paper's table 2.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_LAST = 1280

_conv = partial(conv_norm, activation=nn.ReLU6)


class MobileNetV2(nn.Module):
    def __init__(self, labels: int, *, channels: int = 1, dropout: float = 0.2) -> None:
        super().__init__()
        narrow = 32
        layers: list[nn.Module] = [_conv(channels, narrow, stride=2)]
        for expansion, wide, repeats, first_stride in _STAGES:
            for repeat in range(repeats):
                stride = 1 if repeat else first_stride
                layers.append(_InvertedResidual(narrow, wide, expansion, stride))
                narrow = wide
        self.features = nn.Sequential(*layers, _conv(narrow, _LAST, 1))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(_LAST, labels))
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(picture).mean((2, 3)))
        return logits


class _InvertedResidual(nn.Module):
    """Expand, filter each map by itself, project without an activation."""

    def __init__(self, narrow: int, wide: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = narrow * expansion
        self.conv = nn.Sequential(
            *([] if expansion == 1 else [_conv(narrow, hidden, 1)]),
            _conv(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
        )
        self._residual = stride == 1 and narrow == wide

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.conv(maps)
        return maps + out if self._residual else out
