"""Optimisers, learning rates, losses and running means of weights, as recipes name them."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.engine.recipe import Optimiser, Recipe, Schedule

_ONE_CYCLE_START = 1 / 25  # Smith and Topin 2017, as fastai and PyTorch have it
_ONE_CYCLE_WARM_UP = 0.3
_NEVER = 1e-30


def optimiser(parameters: Iterable[nn.Parameter], told: Optimiser) -> torch.optim.Optimizer:
    learnt = [parameter for parameter in parameters if parameter.requires_grad]
    rate, decay = told.learning_rate, told.weight_decay
    match told.kind:
        case "adam":
            return torch.optim.Adam(learnt, rate, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(learnt, rate, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(learnt, rate, weight_decay=decay, momentum=told.momentum)


def rate_factor(told: Schedule, step: int, steps: int, epochs: int) -> float:
    """What the recipe's learning rate is multiplied by at a step of all `steps`."""
    done = step / steps
    if told.kind == "one-cycle":
        warm_up = told.warm_up or _ONE_CYCLE_WARM_UP
        if done < warm_up:
            return _between(1.0, _ONE_CYCLE_START, done / warm_up)
        return _between(0.0, 1.0, (done - warm_up) / (1 - warm_up))
    if done < told.warm_up:
        return (step + 1) / (told.warm_up * steps + 1)
    match told.kind:
        case "constant":
            return 1.0
        case "cosine":
            return _between(0.0, 1.0, (done - told.warm_up) / (1 - told.warm_up))
        case "step":
            return told.factor ** (math.floor(done * epochs + 1e-9) // told.every_epochs)


def loss(recipe: Recipe, logits: Tensor, target: Tensor, *, smoothing: float) -> Tensor:
    """Cross-entropy, of one softmax or of a sigmoid each; targets may be shares.

    Of labels that exclude each other several may be 1: then what counts is that one of them is
    said, whichever (Cour et al. 2011, Learning from partial labels).
    """
    if recipe.data.exclusive:
        said = logits.log_softmax(-1)
        of_one = -(target * said).sum(-1)
        of_several = -(said + target.clamp(min=_NEVER).log()).logsumexp(-1)
        apart = torch.where(target.sum(-1) > 1.5, of_several, of_one)
        return ((1 - smoothing) * apart - smoothing * said.mean(-1)).mean()
    softened = target * (1 - smoothing) + 0.5 * smoothing
    return nn.functional.binary_cross_entropy_with_logits(logits, softened)


def distilled(recipe: Recipe, logits: Tensor, teachers: Tensor, *, temperature: float) -> Tensor:
    """How far the answers are from the teachers' (Hinton et al. 2015).

    Parameters
    ----------
    teachers
        Their mean logits.
    """
    if recipe.data.exclusive:
        own = nn.functional.log_softmax(logits / temperature, -1)
        theirs = nn.functional.log_softmax(teachers / temperature, -1)
        apart = nn.functional.kl_div(own, theirs, log_target=True, reduction="batchmean")
    else:
        apart = nn.functional.binary_cross_entropy_with_logits(
            logits / temperature, (teachers / temperature).sigmoid()
        )
    return apart * temperature**2


class RunningMean:
    """A mean of all weights over the last steps, which forget by `decay`."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self._decay = decay
        self.steps = 0
        self.weights = {name: value.detach().clone() for name, value in net.state_dict().items()}

    def add(self, net: nn.Module) -> None:
        """Early on it forgets faster, so that it does not remember the random beginning."""
        self.steps += 1
        decay = min(self._decay, self.steps / (self.steps + 9))
        for name, value in net.state_dict().items():
            mean = self.weights[name]
            if mean.is_floating_point():
                mean.lerp_(value.detach(), 1 - decay)
            else:
                mean.copy_(value)


def _between(low: float, high: float, share: float) -> float:
    """Along half a cosine, from `high` down to `low`."""
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
