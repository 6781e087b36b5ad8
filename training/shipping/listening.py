"""Nets and artifacts on the recordings of a run's parts, cut as in training and in use."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from models.classify import overall
from models.contract import ModelContract
from models.predictor import Predictor
from training.engine import clips, measures
from training.engine.clips import Clips
from training.engine.parts import Owned
from training.evaluation.scored import Scored
from training.shipping.trained import Trained
from training.splits.parts import Part

Windows = npt.NDArray[np.float32]

_TOGETHER = 256  # recordings that are held in memory at once
_BATCH = 32


class Judged(NamedTuple):
    """What a net says of recordings.

    Attributes
    ----------
    logits
        Shape (windows, labels).
    owner, usable
        Shape (windows,): whose it is, and whether its quality lets it count.
    truth
        Shape (recordings, labels).
    """

    logits: npt.NDArray[np.float64]
    owner: npt.NDArray[np.int64]
    usable: npt.NDArray[np.bool_]
    truth: npt.NDArray[np.bool_]


def judged(trained: Trained, part: Part) -> list[Judged]:
    """The net's logits, a piece at a time."""
    return [
        Judged(
            measures.answers(trained.net, own, trained.recipe).double().numpy(),
            own.owner.numpy(),
            own.usable.numpy(),
            own.targets.numpy() > 0.5,
        )
        for own in _pieces(trained, trained.owned(part))
    ]


def calibration(trained: Trained, count: int, *, seed: int = 0) -> Windows:
    """Some windows of the training part, not scaled, shape (n, window): n is `count` or less."""
    draw = np.random.default_rng(seed)
    every = trained.owned("train")
    order = draw.permutation(len(every))[: min(len(every), count // 2 + 1)]
    chosen = [every[k] for k in sorted(order.tolist())]
    heard = [own.samples(own.start).numpy() for own in _pieces(trained, chosen)]
    windows = np.concatenate(heard)
    if len(windows) <= count:
        return windows
    kept: Windows = windows[np.sort(draw.choice(len(windows), count, replace=False))]
    return kept


def some_windows(trained: Trained, part: Part, count: int) -> Windows:
    """The first windows of a part, not scaled."""
    heard: list[Windows] = []
    for owned in trained.owned(part):
        (own,) = _pieces(trained, [owned])
        heard.append(own.samples(own.start).numpy())
        if sum(map(len, heard)) >= count:
            break
    return np.concatenate(heard)[:count]


class Said(NamedTuple):
    """What one artifact says of recordings, and each window's probabilities."""

    recordings: Scored
    windows: Windows


def answers(
    predictors: Mapping[str, Predictor], trained: Trained, part: Part
) -> dict[str, list[Said]]:
    """What each artifact says of a part, a piece at a time; every recording is read once."""
    found: dict[str, list[Said]] = {name: [] for name in predictors}
    for own in _pieces(trained, trained.owned(part)):
        windows = own.samples(own.start).numpy()
        for name, predictor in predictors.items():
            said = _in_batches(predictor, windows)
            found[name].append(Said(_scored(own, said, predictor.contract), said))
    return found


def _pieces(trained: Trained, owned: Sequence[Owned]) -> Iterator[Clips]:
    how = trained.recipe.contract.judged
    for k in range(0, len(owned), _TOGETHER):
        yield clips.gather(owned[k : k + _TOGETHER], trained.recipe, how, assessed=True)


def _in_batches(predictor: Predictor, windows: Windows) -> Windows:
    return np.concatenate(
        [predictor.predict(windows[k : k + _BATCH]) for k in range(0, len(windows), _BATCH)]
    )


def _scored(own: Clips, said: Windows, contract: ModelContract) -> Scored:
    places = np.flatnonzero(np.diff(own.owner.numpy())) + 1
    usable = np.split(own.usable.numpy(), places)
    combined = [overall(*each) for each in zip(np.split(said, places), usable, strict=True)]
    return Scored(
        labels=contract.labels,
        exclusive=contract.exclusive,
        truth=own.targets.numpy() > 0.5,
        probabilities=np.stack(combined),
        subject=np.array([each.subject for each in own.recordings]),
        database=np.array([each.database for each in own.recordings]),
        clear=np.array([each.clear for each in own.recordings], bool),
        answered=np.array([each.any() for each in usable], bool),
    )


def one_thread() -> None:
    """Whatever ran before: figures and files are then the same every time."""
    torch.set_num_threads(1)


def made_up(contract: ModelContract, count: int) -> Windows:
    """Noise in place of sound, where no data set is to be read."""
    draw = np.random.default_rng(0)
    loud = draw.standard_normal((count, contract.window_samples), np.float32)
    return np.asarray(0.1 * loud, np.float32)
