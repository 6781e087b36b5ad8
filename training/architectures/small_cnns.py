"""The small CNNs that works B and D describe in words; what they leave open is chosen here."""

import itertools

from torch import Tensor, nn

from training.architectures.pooling import AttentionPool


class FourBlockCnn(nn.Module):
    """Work D's custom CNN, about 500 k parameters: four blocks, global mean, three-layer MLP.

    Chosen here: one 3x3 convolution a block, 32 to 256 maps, 256 and 128 hidden units.
    """

    def __init__(
        self,
        labels: int,
        *,
        maps: tuple[int, ...] = (32, 64, 128, 256),
        hidden: tuple[int, int] = (256, 128),
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.blocks = _halving_blocks(maps)
        first, second = hidden
        self.head = nn.Sequential(
            *(nn.Linear(maps[-1], first), nn.ReLU(), nn.Dropout(dropout)),
            *(nn.Linear(first, second), nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(second, labels),
        )

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(picture).mean((2, 3)))
        return logits


class AttentionPoolCnn(nn.Module):
    """Work D's CNN with attention, of which it gives no details.

    Chosen here: D's convolutions, the mean over bands, attention over time, one linear layer.
    """

    def __init__(
        self, labels: int, *, maps: tuple[int, ...] = (32, 64, 128, 256), dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.blocks = _halving_blocks(maps)
        self.pool = AttentionPool(maps[-1], hidden=64)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(maps[-1], labels))

    def forward(self, picture: Tensor) -> Tensor:
        sequence = self.blocks(picture).mean(2).transpose(1, 2)
        logits: Tensor = self.head(self.pool(sequence))
        return logits


class TwoBlockAttentionCnn(nn.Module):
    """Work B: two times convolution, normalisation, ReLU, dropout; attention; flatten; dense.

    Chosen here: 3x3 convolutions, 4x4 max-pooling after each (without it the dense layer alone is
    some megabytes for each map), and attention of one weight for each place, as in CBAM
    (Woo et al. 2018, 1807.06521), from a 7x7 convolution over all maps. Flattened maps fix the
    length of the window.
    """

    def __init__(
        self,
        labels: int,
        *,
        bands: int,
        frames: int,
        maps: tuple[int, int] = (16, 32),
        hidden: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        first, second = maps
        self.blocks = nn.Sequential(
            *_pooled_block(1, first, 4),
            nn.Dropout(dropout),
            *_pooled_block(first, second, 4),
            nn.Dropout(dropout),
        )
        self.attention = nn.Sequential(nn.Conv2d(second, 1, 7, padding=3), nn.Sigmoid())
        places = (bands // 16) * (frames // 16)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(second * places, hidden), nn.ReLU(), nn.Linear(hidden, labels)
        )

    def forward(self, picture: Tensor) -> Tensor:
        maps = self.blocks(picture)
        logits: Tensor = self.head(maps * self.attention(maps))
        return logits


def _halving_blocks(maps: tuple[int, ...]) -> nn.Sequential:
    pairs = itertools.pairwise((1, *maps))
    return nn.Sequential(*(layer for pair in pairs for layer in _pooled_block(*pair, 2)))


def _pooled_block(narrow: int, wide: int, pool: int) -> list[nn.Module]:
    return [
        nn.Conv2d(narrow, wide, 3, padding=1, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
        nn.MaxPool2d(pool),
    ]
