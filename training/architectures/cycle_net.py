"""Ours along the heart's cycle: what is heard in S1, systole, S2 and diastole, each by itself.

A murmur is sound in systole or diastole, whatever the sensor, the country and the age. So the net
tells first which state is heard when, and looks then at nothing but each band's mean level and its
deviation within each state. Such sums over states are how the heart sound challenges' winners
looked (Potes C. et al., "Ensemble of feature-based and deep learning-based classifiers for
detection of abnormal heart sounds", CinC 2016); here the states are soft, learnt beside the labels
(`training.engine.state_task`), and all is one graph.
"""

import torch
from torch import Tensor, nn

from models.segmentation import STATES

_SLOWER = 5  # fine frames to a coarse one
_KERNEL = 5
_LEAST_FRAMES = 1e-3  # of one state in a window; what has less is as good as not heard
LEAST_VARIANCE = 1e-4


class StateNet(nn.Module):
    """(batch, bands, 1, frames) to (batch, states, 1, frames), without the softmax.

    Two convolutions over fine frames, a stack of dilated ones over coarse frames that hears some
    beats to either side, and back to fine frames, where what was heard there decides when exactly.
    """

    def __init__(self, bands: int, fine: int, coarse: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self._fine = fine
        self.before = nn.Sequential(_layer(bands, fine, _KERNEL), _layer(fine, fine, _KERNEL))
        self.slower = _layer(fine, coarse, _SLOWER, stride=_SLOWER)
        self.context = nn.ModuleList(
            _layer(coarse, coarse, 3, dilation=dilation) for dilation in dilations
        )
        self.faster = nn.Conv2d(coarse, _SLOWER * fine, 1)
        self.after = nn.Sequential(_layer(fine, fine, _KERNEL), nn.Conv2d(fine, len(STATES), 1))

    def forward(self, bands: Tensor) -> Tensor:
        heard = self.before(bands)
        frames = heard.shape[-1]
        context = self.slower(nn.functional.pad(heard, (0, -frames % _SLOWER)))
        for layer in self.context:
            context = context + layer(context)
        # (batch, fine * 5, 1, coarse frames) to (batch, fine, 1, frames)
        unfolded = self.faster(context).reshape(-1, self._fine, _SLOWER, context.shape[-1])
        back = unfolded.transpose(2, 3).reshape(-1, self._fine, 1, _SLOWER * context.shape[-1])
        logits: Tensor = self.after(torch.relu(heard + back[..., :frames]))
        return logits


class CycleNet(nn.Module):
    """Levels by state, and two dense layers.

    What its labels ask is not passed on to the states, which are to stay the heart's own; so a
    recipe must have `[states]`, from which alone they are learnt.

    Attributes
    ----------
    fine, coarse, dilations
        Maps at either pace, and the coarse layers' dilations, of the part that tells states.
    hidden
        Values between the dense layers.
    """

    def __init__(
        self,
        labels: int,
        *,
        bands: int,
        fine: int = 24,
        coarse: int = 32,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 1),
        hidden: int = 32,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.states = StateNet(bands, fine, coarse, dilations)
        self.head = nn.Sequential(
            nn.BatchNorm1d(2 * bands * len(STATES)),
            nn.Dropout(dropout),
            nn.Linear(2 * bands * len(STATES), hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, labels),
        )

    def forward(self, picture: Tensor) -> Tensor:
        bands = picture.squeeze(1)
        states = self.states(bands.unsqueeze(2)).squeeze(2).detach()
        logits: Tensor = self.head(levels_by_state(bands, states.transpose(1, 2).softmax(2)))
        return logits


def levels_by_state(bands: Tensor, states: Tensor) -> Tensor:
    """Mean and deviation of each band in each state.

    Parameters
    ----------
    bands
        Shape (batch, bands, frames); a frame of zeros alone is silence, and does not count.
    states
        Shape (batch, frames, states): the probability of each.

    Returns
    -------
    Shape (batch, 2 * bands * states).
    """
    squares = bands * bands
    heard = (squares.sum(1, keepdim=True) > 0).to(states.dtype)
    # Sums over frames are products: ONNX Runtime rounds its sums otherwise in another batch.
    frames = (heard @ states).clamp(min=_LEAST_FRAMES)
    mean = bands @ states / frames
    variance = (squares @ states / frames - mean * mean).clamp(min=0.0) + LEAST_VARIANCE
    return torch.cat([mean, variance.sqrt()], 1).flatten(1)


def _layer(
    narrow: int, wide: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """A picture one sample high, for which ONNX Runtime is quickest."""
    padding = 0 if stride > 1 else dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(narrow, wide, (1, kernel), (1, stride), (0, padding), (1, dilation), bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
    )
