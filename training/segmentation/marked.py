"""Recordings whose heart's states somebody marked, as sound and frames side by side.

A frame is 20 ms, so a hop of the pipeline's grid is a whole number of them and neighbouring windows
share theirs: a beat that two windows hear falls into the same frame of both.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_GRID
from models.dsp import Floats, windows_of
from models.segmentation import FRAME_S, STATES
from training.datasets.recordings import DataSet, Recording
from training.datasets.states import State, states
from training.progress import tracked

FRAME_SAMPLES = round(FRAME_S * PIPELINE_GRID.sample_rate_hz)
WINDOW_FRAMES = PIPELINE_GRID.window_samples // FRAME_SAMPLES
UNMARKED = -1  # a frame of which nobody said what it is, or which is noise


class Marked(NamedTuple):
    """One recording.

    Attributes
    ----------
    sound
        Shape (samples,), float32 of full scale 1: the pipeline's blocks end to end.
    marks
        Shape (samples / FRAME_SAMPLES,), int64: the place in `STATES` of what is heard in the
        middle of each frame, or `UNMARKED`.
    states
        As they were marked.
    """

    data_set: str
    recording: Recording
    sound: Floats
    marks: npt.NDArray[np.int64]
    states: tuple[State, ...]


def marked(data: DataSet, paths: Iterable[str] | None = None) -> list[Marked]:
    """Every marked recording of a set, or those of the given paths."""
    wanted = None if paths is None else set(paths)
    found = states(data)
    chosen = [
        recording
        for recording in data.recordings
        if recording.path in found and (wanted is None or recording.path in wanted)
    ]
    return [
        _marked(data, recording, found[recording.path])
        for recording in tracked(chosen, f"reading {data.name}")
    ]


def frame_marks(own: Sequence[State], frames: int) -> npt.NDArray[np.int64]:
    """What is marked at the middle of each frame, shape (frames,)."""
    marks = np.full(frames, UNMARKED)
    for state in own:
        if state.kind in STATES:
            first, last = (round(edge_s / FRAME_S) for edge_s in (state.start_s, state.end_s))
            marks[first:last] = STATES.index(state.kind)
    return marks


def _marked(data: DataSet, recording: Recording, own: tuple[State, ...]) -> Marked:
    sound = windows_of(*data.read(recording)).blocks.reshape(-1)
    return Marked(
        data_set=data.name,
        recording=recording,
        sound=sound,
        marks=frame_marks(own, len(sound) // FRAME_SAMPLES),
        states=own,
    )
