"""Recordings cut by the pipeline's own code, and held in memory as filtered blocks."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.dsp import join, windows_of
from models.quality import Assessment
from models.recording import judge
from training.datasets.recordings import DataSet, Recording

Floats = npt.NDArray[np.float32]


class WindowSet(NamedTuple):
    """Windows of many recordings.

    Attributes
    ----------
    recordings
        Those with at least one window; the other attributes point into it.
    blocks
        Shape (blocks, hop), float32 of full scale 1, filtered.
    first_block
        Shape (windows,): window w is blocks ``first_block[w]`` and the next one.
    recording
        Shape (windows,): index of the window's recording.
    quality
        One assessment per window.
    """

    recordings: tuple[Recording, ...]
    blocks: Floats
    first_block: npt.NDArray[np.int64]
    recording: npt.NDArray[np.int64]
    quality: tuple[Assessment, ...]

    def __len__(self) -> int:
        return len(self.first_block)

    def samples(self, chosen: npt.NDArray[np.int64]) -> Floats:
        """Shape (chosen, window), float32 of full scale 1, not scaled."""
        first = self.first_block[chosen]
        return join(self.blocks[first], self.blocks[first + 1])

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Shape (windows,)."""
        return np.array([quality.usable for quality in self.quality])

    def labels(self, order: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """Shape (windows,): each window's label as its place in `order`."""
        places = np.array([order.index(recording.label) for recording in self.recordings])
        return places[self.recording]


def cut(data: DataSet, recordings: Iterable[Recording]) -> WindowSet:
    """Read and cut the given recordings of a data set."""
    chosen = tuple(recordings)
    blocks, first_block, owner = [], [], []
    quality: list[Assessment] = []
    count = 0
    for number, recording in enumerate(track(chosen, f"reading {data.name}", transient=True)):
        windows = windows_of(*data.read(recording))
        blocks.append(windows.blocks)
        first_block.append(count + np.arange(len(windows)))
        owner.append(np.full(len(windows), number))
        quality += judge(windows)
        count += len(windows.blocks)
    return WindowSet(
        recordings=chosen,
        blocks=np.concatenate(blocks),
        first_block=np.concatenate(first_block),
        recording=np.concatenate(owner),
        quality=tuple(quality),
    )
