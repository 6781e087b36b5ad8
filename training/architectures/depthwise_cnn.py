"""Ours: a depthwise-separable CNN (MobileNet, Howard et al. 2017, 1704.04861) of few parameters.

Everything that may earn its place is an option, so that recipes can measure it. ReLU throughout:
it costs nothing where a convolution is 8-bit.
"""

import itertools
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from models.errors import ConfigurationError
from training.architectures.blocks import SqueezeExcitation, conv_norm
from training.architectures.pooling import AttentionPool


class DepthwiseCnn(nn.Module):
    """A dense first convolution, then stages of separable blocks; the first of each stage strides.

    Attributes
    ----------
    maps, strides
        Of the first convolution and of each stage; a stride is (bands, frames).
    repeats
        Blocks in each stage; those after the first have a shortcut.
    squeeze
        Squeeze and excitation in every block.
    pooling
        Over time, after the mean over bands: `mean`, `mean-max` (both, side by side) or
        `attention`.
    """

    def __init__(
        self,
        labels: int,
        *,
        maps: tuple[int, ...] = (16, 32, 64, 96, 128),
        strides: tuple[tuple[int, int], ...] = ((2, 2),) * 5,
        repeats: int = 2,
        kernel: int = 3,
        squeeze: bool = False,
        pooling: Literal["mean", "mean-max", "attention"] = "mean",
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if len(maps) != len(strides):
            raise ConfigurationError(
                f"{len(maps)} stages of maps and {len(strides)} strides: give one stride for each"
            )
        block = partial(_Separable, kernel=kernel, squeeze=squeeze)
        layers: list[nn.Module] = [_first(maps[0], strides[0], kernel)]
        for (narrow, wide), stride in zip(itertools.pairwise(maps), strides[1:], strict=True):
            layers.append(block(narrow, wide, stride=stride))
            layers += [block(wide, wide, stride=(1, 1)) for _ in range(repeats - 1)]
        self.body = nn.Sequential(*layers)
        self.pool = AttentionPool(maps[-1]) if pooling == "attention" else None
        self._with_maximum = pooling == "mean-max"
        pooled = maps[-1] * (2 if self._with_maximum else 1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(pooled, labels))

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.head(self._pooled(self.body(picture)))
        return logits

    def _pooled(self, maps: Tensor) -> Tensor:
        if self.pool is not None:
            heard: Tensor = self.pool(maps.mean(2).transpose(1, 2))
            return heard
        # Over bands and time at once: one after the other takes ONNX Runtime four times as long.
        over_both = maps.mean((2, 3))
        if self._with_maximum:
            return torch.cat([over_both, maps.mean(2).amax(2)], 1)
        return over_both


class _Separable(nn.Module):
    """Each map filtered by itself, then all mixed at each place."""

    def __init__(
        self, narrow: int, wide: int, *, stride: tuple[int, int], kernel: int, squeeze: bool
    ) -> None:
        super().__init__()
        depthwise = conv_norm(narrow, narrow, kernel, groups=narrow, stride=stride)
        weighed = [SqueezeExcitation(narrow, max(4, narrow // 4))] if squeeze else []
        self.block = nn.Sequential(depthwise, *weighed, conv_norm(narrow, wide, 1))
        self._residual = stride == (1, 1) and narrow == wide

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.block(maps)
        return maps + out if self._residual else out


def _first(maps: int, stride: tuple[int, int], kernel: int) -> nn.Sequential:
    return conv_norm(1, maps, kernel, stride=stride)
