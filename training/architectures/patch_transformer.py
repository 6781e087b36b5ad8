"""A small transformer on patches of a picture, of a size that a few thousand recordings can teach.

ViT (Dosovitskiy et al. 2021, 2010.11929) for sound, as AST (Gong et al. 2021, 2104.01778) has it.
Places are learnt for bands and sinusoidal in time, so that any length of window is taken.
"""

import math

import torch
from torch import Tensor, nn


class PatchTransformer(nn.Module):
    """Patches of `patch` (bands, frames), `depth` blocks, the mean of all patches.

    A picture that patches do not fill is filled up with zeros, the mean of a band where band means
    are removed.
    """

    def __init__(
        self,
        labels: int,
        *,
        bands: int,
        patch: tuple[int, int] = (8, 10),
        width: int = 96,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self._patch = patch
        rows = math.ceil(bands / patch[0])
        self.embed = nn.Conv2d(1, width, patch, stride=patch)
        self.row = nn.Parameter(0.02 * torch.randn(1, width, rows, 1))
        self.blocks = nn.Sequential(*(_Block(width, heads, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, labels))

    def forward(self, picture: Tensor) -> Tensor:
        bands, frames = (
            -side % step for side, step in zip(picture.shape[2:], self._patch, strict=True)
        )
        patches = self.embed(nn.functional.pad(picture, (0, frames, 0, bands)))
        time = _sinusoids(patches.shape[1], patches.shape[3]).to(patches)
        tokens = (patches + self.row + time).flatten(2).transpose(1, 2)
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(1))
        return logits


class _Block(nn.Module):
    """Attention and a two-layer net, each behind a normalisation and beside a shortcut."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self._heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.dropout(self._attended(self.norm1(tokens)))
        out: Tensor = tokens + self.dropout(self.mlp(self.norm2(tokens)))
        return out

    def _attended(self, tokens: Tensor) -> Tensor:
        split = self.qkv(tokens).unflatten(2, (3, self._heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, head, token, feature)
        heard = nn.functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.project(heard.transpose(1, 2).flatten(2))
        return out


def _sinusoids(width: int, columns: int) -> Tensor:
    """Sines and cosines of the column (Vaswani et al. 2017), shape (1, width, 1, columns)."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(1e4) / width))
    phase = torch.outer(rates, torch.arange(columns).float())
    return torch.cat([phase.sin(), phase.cos()])[None, :, None]
