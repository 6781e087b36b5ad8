"""A small CNN of dense convolutions on a log-mel picture that it computes itself.

Each band's mean over the window is subtracted. That takes the sensor's own spectrum away, which
is what a net otherwise learns first: it names the database, and the database names the label.
"""

import itertools
from dataclasses import dataclass, field

from torch import Tensor, nn

from training.front_end_config import LogMelConfig
from training.front_ends import LogMel


@dataclass(frozen=True)
class CnnConfig:
    logmel: LogMelConfig = field(default_factory=LogMelConfig)
    channels: tuple[int, ...] = (16, 32, 32, 48)
    dropout: float = 0.2


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


class LogMelCnn(StridedCnn):
    """The same from the waveform."""

    def __init__(self, labels: int, config: CnnConfig) -> None:
        super().__init__(labels, maps=config.channels, dropout=config.dropout)
        self.front = LogMel(config.logmel)

    def forward(self, waveform: Tensor) -> Tensor:
        return super().forward(self.front(waveform))


def _stage(narrow: int, wide: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
    )
