"""SqueezeNet 1.1 (Iandola et al. 2016, 1602.07360), with torchvision's parameter names.

Work A's head (dropout 0.5, 1x1 convolution, ReLU, mean) is torchvision's own: its logits are never
negative.
"""

import torch
from torch import Tensor, nn

from training.architectures.blocks import initialise


class SqueezeNet(nn.Module):
    def __init__(self, labels: int, *, channels: int = 1, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 64, 3, stride=2),
            nn.ReLU(),
            _halved(),
            _Fire(64, 16, 64),
            _Fire(128, 16, 64),
            _halved(),
            _Fire(128, 32, 128),
            _Fire(256, 32, 128),
            _halved(),
            _Fire(256, 48, 192),
            _Fire(384, 48, 192),
            _Fire(384, 64, 256),
            _Fire(512, 64, 256),
        )
        head = nn.Conv2d(512, labels, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), head, nn.ReLU())
        initialise(self)
        nn.init.normal_(head.weight, std=0.01)

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(picture)).mean((2, 3))
        return logits


class _Fire(nn.Module):
    """Few maps, then many from them: half by 1x1 and half by 3x3 convolutions."""

    def __init__(self, narrow: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(narrow, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        squeezed = self.squeeze(maps).relu()
        return torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], 1).relu()


def _halved() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)
