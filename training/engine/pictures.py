"""Augmentation of what the front end gives, and of whole examples: masks and mixup."""

import torch
from torch import Tensor, nn

from training.architectures.cnn14 import Cnn14
from training.architectures.registry import Classifier
from training.engine.augmentation import Augmentation


class Masks:
    """Bands and frames of each picture set to its mean while the net trains (Park et al. 2019).

    A hook behind the front end, so that the net itself stays what is exported; `remove` takes it
    away.
    """

    def __init__(self, net: Classifier, how: Augmentation) -> None:
        self._how = how
        self._draw: torch.Generator | None = None
        self._net = net
        inside = net.net
        front = inside.logmel_extractor if isinstance(inside, Cnn14) else net.front
        # CNN14 has its own front end, whose pictures are (batch, bands, frames, 1).
        self._axes = (1, 2) if isinstance(inside, Cnn14) else (2, 3)
        self._handle = front.register_forward_hook(self._hook)

    def use(self, draw: torch.Generator) -> None:
        self._draw = draw

    def remove(self) -> None:
        self._handle.remove()

    def _hook(self, _module: nn.Module, _args: object, picture: Tensor) -> Tensor:
        if not self._net.training or self._draw is None:
            return picture
        for axis, widest in zip(
            self._axes, (self._how.band_mask, self._how.frame_mask), strict=True
        ):
            for _ in range(self._how.masks if widest else 0):
                picture = masked(picture, axis, widest, self._draw)
        return picture


def masked(picture: Tensor, axis: int, widest: float, draw: torch.Generator) -> Tensor:
    """Up to the share `widest` of an axis, anywhere, at each picture's mean."""
    batch, length = len(picture), picture.shape[axis]
    width, place = torch.rand(2, batch, 1, generator=draw, device=picture.device)
    width = (width * (widest * length + 1)).floor().clamp(max=length)
    first = (place * (length - width + 1)).floor()
    steps = torch.arange(length, device=picture.device)
    hidden = (steps >= first) & (steps < first + width)
    shape = [batch] + [length if k == axis else 1 for k in range(1, picture.ndim)]
    mean = picture.mean(tuple(range(1, picture.ndim)), keepdim=True)
    return torch.where(hidden.reshape(shape), mean, picture)


def mixed(
    waveform: Tensor, target: Tensor, alpha: float, draw: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al. 2018): every example with another of its batch, sound and labels alike.

    The share is drawn from Beta(alpha, alpha), as a ratio of two gammas.
    """
    gammas = torch._standard_gamma(  # noqa: SLF001 (the only one that takes a generator)
        torch.full((2, len(waveform), 1), alpha, device=waveform.device), generator=draw
    )
    share = gammas[0] / gammas.sum(0).clamp(min=1e-12)
    share = torch.maximum(share, 1 - share)
    other = torch.randperm(len(waveform), generator=draw, device=waveform.device)
    return (
        share * waveform + (1 - share) * waveform[other],
        share * target + (1 - share) * target[other],
    )
