"""Where to decide between two labels: learnt from people who were not trained on.

A net that hears each database's labels as often as each other says `abnormal` too seldom where
they are rarer, or too often. Moving the last layer's bias moves the decision, and nothing else.
"""

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from models.errors import ConfigurationError
from training.engine import measures
from training.engine.clips import Clips
from training.engine.recipe import Recipe

_WIDEST = 3.0  # logits
_STEP = 0.05
_SMOOTHED = 6  # steps: few recordings make a jagged curve, whose highest point is luck


def settle(net: nn.Module, validation: Clips, recipe: Recipe) -> float:
    """Move the last bias to where the validation part's recordings have the highest UAR.

    The curve over all moves is smoothed first. Returns by how many logits the second label was
    raised against the first.

    Raises
    ------
    ConfigurationError
        If the labels are not two that exclude each other, or no last layer has a bias of each.
    """
    bias = _last_bias(net, recipe)
    logits = measures.answers(net, validation, recipe)
    moves = np.arange(-_WIDEST, _WIDEST + _STEP / 2, _STEP)
    uars = [_uar(logits + torch.tensor([0.0, move]), validation, recipe) for move in moves]
    smooth = gaussian_filter1d(np.array(uars), _SMOOTHED, mode="nearest")
    best = float(moves[_middle_of_highest(smooth)])
    with torch.no_grad():
        bias += torch.tensor([-best / 2, best / 2]).to(bias)
    return best


def _middle_of_highest(curve: npt.NDArray[np.float64]) -> int:
    highest = np.flatnonzero(curve >= curve.max() - 1e-9)
    return int(highest[len(highest) // 2])


def _uar(logits: Tensor, validation: Clips, recipe: Recipe) -> float:
    score = measures.of_recordings(logits, validation, recipe)
    return measures.uar(score, validation.targets.cpu().numpy() > 0.5, exclusive=True)


def _last_bias(net: nn.Module, recipe: Recipe) -> nn.Parameter:
    two = len(recipe.data.labels) == 2 and recipe.data.exclusive
    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    if not two or not linear or linear[-1].out_features != 2 or linear[-1].bias is None:
        raise ConfigurationError(
            f"{recipe.name}: training.balanced is for two labels that exclude each other, and a "
            "net that ends in a linear layer with a bias of each"
        )
    return linear[-1].bias
