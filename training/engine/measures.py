"""What an epoch is judged by: figures of recordings, out of their windows' mean probabilities."""

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from torch import Tensor, nn

from models.classify import overall
from training.engine import optimisation
from training.engine.clips import Clips, scaled
from training.engine.recipe import Recipe

_BATCH = 128


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one part; NaN where a label is missing from it.

    Attributes
    ----------
    loss
        Mean over windows, without smoothing.
    uar
        Unweighted average recall: of the labels, or of with and without for labels that concur.
    auc
        Mean over labels, each against the rest.
    """

    loss: float
    accuracy: float
    uar: float
    auc: float

    def better_than(self, other: "Figures", monitor: str) -> bool:
        own, before = getattr(self, monitor), getattr(other, monitor)
        if np.isnan(before):
            return not np.isnan(own)
        return bool(own < before if monitor == "loss" else own > before)


@torch.no_grad()
def answers(net: nn.Module, clips: Clips, recipe: Recipe) -> Tensor:
    """Logits of every window, shape (windows, labels), on the CPU."""
    net.eval()
    scaling = recipe.contract.scaling_spec
    batches = [
        net(scaled(clips.samples(start), scaling)).float().cpu()
        for start in torch.split(clips.start, _BATCH)
    ]
    return torch.cat(batches)


def probabilities(logits: Tensor, recipe: Recipe) -> Tensor:
    return logits.softmax(-1) if recipe.data.exclusive else logits.sigmoid()


def of_recordings(logits: Tensor, clips: Clips, recipe: Recipe) -> npt.NDArray[np.float64]:
    """What `heartward classify` says of each recording, shape (recordings, labels)."""
    each = probabilities(logits, recipe).double().numpy()
    usable = clips.usable.cpu().numpy()
    places = np.flatnonzero(np.diff(clips.owner.cpu().numpy())) + 1
    parts = zip(np.split(each, places), np.split(usable, places), strict=True)
    return np.stack([overall(own, counts) for own, counts in parts])


def judge(net: nn.Module, clips: Clips, recipe: Recipe) -> Figures:
    logits = answers(net, clips, recipe)
    target = clips.targets.cpu()
    loss = optimisation.loss(recipe, logits, target[clips.owner.cpu()], smoothing=0.0)
    score = of_recordings(logits, clips, recipe)
    truth = target.numpy() > 0.5
    said = _said(score, exclusive=recipe.data.exclusive)
    return Figures(
        loss=loss.item(),
        accuracy=float((said == truth).all(1).mean()),
        uar=_uar(said, truth, exclusive=recipe.data.exclusive),
        auc=float(np.mean([_auc(score[:, k], truth[:, k]) for k in range(truth.shape[1])])),
    )


def _said(score: npt.NDArray[np.float64], *, exclusive: bool) -> npt.NDArray[np.bool_]:
    if not exclusive:
        return np.asarray(score >= 0.5)
    places = np.arange(score.shape[1])
    return np.asarray(places == score.argmax(1)[:, None])


def _uar(said: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_], *, exclusive: bool) -> float:
    """Labels that a part lacks do not count."""
    recalls = [said[truth[:, k], k].mean() for k in range(truth.shape[1]) if truth[:, k].any()]
    if not exclusive:
        without = [k for k in range(truth.shape[1]) if not truth[:, k].all()]
        recalls += [(~said[~truth[:, k], k]).mean() for k in without]
    return float(np.mean(recalls))


def _auc(score: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> float:
    """The chance that one with the label scores higher than one without; NaN without either."""
    with_it, without = int(truth.sum()), int((~truth).sum())
    if not with_it or not without:
        return float("nan")
    ranks = stats.rankdata(score)[truth].sum()
    return float((ranks - with_it * (with_it + 1) / 2) / (with_it * without))
