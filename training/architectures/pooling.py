"""One vector from a sequence."""

from torch import Tensor, nn


class AttentionPool(nn.Module):
    """A weighted mean over time, of (batch, frames, features).

    A small net scores every frame; the scores, as shares of 1, are the weights (Bahdanau et al.
    2015, 1409.0473, as used for pooling by Yang et al. 2016).
    """

    def __init__(self, features: int, hidden: int = 32) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, sequence: Tensor) -> Tensor:
        weights: Tensor = self.score(sequence).softmax(1)
        return (weights * sequence).sum(1)
