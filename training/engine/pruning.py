"""Small weights set to zero and kept there (Han et al. 2015)."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.errors import ConfigurationError


class Pruned(NamedTuple):
    """Weights, and where they may differ from zero."""

    weights: nn.Parameter
    kept: Tensor


def smallest(net: nn.Module, share: float) -> list[Pruned]:
    """The given share of all weights of convolutions, recurrent and linear layers, by magnitude."""
    if not 0 < share < 1:
        raise ConfigurationError(f"the recipe's pruning.share = {share:g}: give 0 to 1, neither")
    weighed = [
        weights for weights in net.parameters() if weights.requires_grad and weights.ndim > 1
    ]
    sizes = torch.cat([weights.detach().abs().flatten() for weights in weighed])
    limit = sizes.kthvalue(max(1, round(share * len(sizes)))).values
    return [Pruned(weights, weights.detach().abs() > limit) for weights in weighed]


def apply(pruned: Iterable[Pruned]) -> None:
    with torch.no_grad():
        for weights, kept in pruned:
            weights.mul_(kept)
