"""A small CNN of dense convolutions, as the first model that shipped was."""

import itertools

from torch import Tensor, nn


class StridedCnn(nn.Module):
    """Dense 3x3 convolutions of stride 2, pooled over bands and time: (batch, labels) logits.

    Pooling over time takes any length of at least one second.
    """

    def __init__(
        self, labels: int, *, maps: tuple[int, ...] = (16, 32, 32, 48), dropout: float = 0.2
    ) -> None:
        super().__init__()
        widths = (1, *maps)
        self.body = nn.Sequential(
            *(_stage(narrow, wide) for narrow, wide in itertools.pairwise(widths))
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[-1], labels))

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(picture).mean((2, 3)))
        return logits


def _stage(narrow: int, wide: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
    )
