"""Weights rounded to 8 bits while the net still learns (Jacob et al. 2018, weights alone).

The same grid as the exported artifact's: S8, symmetric, one scale per output channel. A batch
normalisation that is folded in later scales whole channels, and so changes no rounding.
Activations stay floating point here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_STEPS = 127
_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)


@contextmanager
def rounded(net: nn.Module, *, enabled: bool) -> Iterator[None]:
    """Inside, weights are rounded; afterwards they are exact again.

    Gradients taken inside are those at the rounded weights; a step outside applies them to the
    exact ones, where small changes add up (the straight-through estimator).
    """
    weights = _weights(net) if enabled else []
    exact = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        for weight in weights:
            weight.copy_(on_grid(weight))
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, before in zip(weights, exact, strict=True):
                weight.copy_(before)


def on_grid(weight: Tensor) -> Tensor:
    widest = weight.detach().abs().amax(tuple(range(1, weight.ndim)), keepdim=True)
    step = widest.clamp(min=torch.finfo(weight.dtype).tiny) / _STEPS
    return (weight / step).round() * step


def _weights(net: nn.Module) -> list[Tensor]:
    return [
        layer.weight
        for layer in net.modules()
        if isinstance(layer, _LAYERS) and layer.weight.requires_grad
    ]
