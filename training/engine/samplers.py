"""Which windows an epoch is made of: see `training.engine.recipe.Sampling`."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationError
from training.datasets.recordings import Recording
from training.engine.clips import Clips
from training.engine.recipe import Sampling

Chances = npt.NDArray[np.float64]


def epoch(
    clips: Clips, sampling: Sampling, chances: Chances | None, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Windows in the order in which they are heard."""
    count = sampling.windows_per_epoch or len(clips)
    if chances is None:
        rounds = -(-count // len(clips))
        return np.concatenate([rng.permutation(len(clips)) for _ in range(rounds)])[:count]
    return rng.choice(len(clips), count, p=chances)


def chances(clips: Clips, sampling: Sampling) -> Chances | None:
    """How likely each window is drawn, shape (windows,); None where all are heard once.

    Labels that concur count by their combination.
    """
    if sampling.kind == "natural":
        return None
    owner = clips.owner.cpu().numpy()
    rows = clips.targets.cpu().numpy()
    labels = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)[owner]
    weights = 1 / np.bincount(owner)[owner]
    if sampling.kind == "classes":
        weights = _level(weights, labels)
    elif sampling.kind in {"groups", "sets"}:
        own = _numbered(clips.sets)[owner] if sampling.kind == "sets" else np.zeros_like(owner)
        subject = _numbered([f"{s} {r.subject}" for s, r in _recordings(clips)])[owner]
        own_labels = _pairs(own, labels)
        weights = _level(_level(_level(weights, _pairs(own_labels, subject)), own_labels), own)
    else:
        database = _numbered([f"{s} {r.database}" for s, r in _recordings(clips)])[owner]
        weights = _level(_level(weights, _pairs(database, labels)), database)
        weights *= np.sqrt(np.bincount(database))[database]
    total = weights.sum()
    if not math.isfinite(total) or total <= 0:
        raise ConfigurationError("no window can be drawn: is the training part empty?")
    return np.asarray(weights / total)


def _recordings(clips: Clips) -> Iterator[tuple[str, Recording]]:
    return zip(clips.sets, clips.recordings, strict=True)


def _level(weights: Chances, group: npt.NDArray[np.int64]) -> Chances:
    """The same weights within each group, and each group's sum the same."""
    return np.asarray(weights / np.bincount(group, weights)[group])


def _pairs(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.unique(np.stack([first, second], 1), axis=0, return_inverse=True)[1].reshape(-1)


def _numbered(names: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.unique(np.array(names), return_inverse=True)[1].reshape(-1)
