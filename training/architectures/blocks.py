"""What the image CNNs share; submodules are numbered and named as in torchvision.

So a published file of weights finds every parameter by its name.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Activation = Callable[[], nn.Module]
Norm = Callable[[int], nn.Module]


def conv_norm(
    narrow: int,
    wide: int,
    kernel: int = 3,
    *,
    stride: int | tuple[int, int] = 1,
    groups: int = 1,
    norm: Norm = nn.BatchNorm2d,
    activation: Activation | None = nn.ReLU,
) -> nn.Sequential:
    """Convolution without a bias (0), normalisation (1) and, where there is one, activation (2)."""
    layers = [
        nn.Conv2d(narrow, wide, kernel, stride, kernel // 2, groups=groups, bias=False),
        norm(wide),
    ]
    return nn.Sequential(*layers, *([] if activation is None else [activation()]))


class SqueezeExcitation(nn.Module):
    """Each map weighed by what all maps' means say together (Hu et al. 2018, 1709.01507)."""

    def __init__(
        self,
        channels: int,
        squeezed: int,
        *,
        activation: Activation = nn.ReLU,
        gate: Activation = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = activation()
        self.scale_activation = gate()

    def forward(self, maps: Tensor) -> Tensor:
        squeezed = self.activation(self.fc1(maps.mean((2, 3), keepdim=True)))
        weights: Tensor = self.scale_activation(self.fc2(squeezed))
        return weights * maps


class StochasticDepth(nn.Module):
    """In training, a residual branch is left out for a share of the windows (Huang et al. 2016)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self._share == 0:
            return branch
        kept = 1 - self._share
        drawn = torch.empty(len(branch), 1, 1, 1, device=branch.device).bernoulli_(kept)
        return branch * drawn / kept


def to_multiple_of_8(channels: float) -> int:
    """The nearest multiple of 8, but never less than nine tenths (as the MobileNets round)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def initialise(net: nn.Module) -> None:
    """Random weights as the image CNNs are trained from: He's for convolutions, small for heads."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
