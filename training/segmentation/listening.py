"""What the finished artifact tells of recordings, window by window, as the pipeline hears them."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_GRID
from models.dsp import Floats, windows_of
from models.fast_heart import hear_fast_too
from models.recording import judge
from models.recording_heart import sounds_s
from models.rhythm import Heart
from training.datasets.recordings import DataSet, Recording
from training.datasets.states import State, states
from training.progress import tracked
from training.segmentation.scoring import (
    Counts,
    Span,
    counted,
    marked_spans,
    matched,
    middles_s,
    reference_bpm,
)

TOLERANCES_S = (0.06, 0.1)
SAME_BEAT_S = 0.0205  # as near as two windows must be: a frame, and what rounding adds

_BATCH = 64
_KINDS: tuple[Literal["S1", "S2"], ...] = ("S1", "S2")

Predict = Callable[[Floats], Floats]


class Heard(NamedTuple):
    """One recording, and what each window of it tells.

    Attributes
    ----------
    hearts
        One a window, however unsure; None where there are no beats.
    verdicts
        Of each window's quality.
    """

    data_set: str
    recording: Recording
    states: tuple[State, ...]
    hearts: tuple[Heart | None, ...]
    verdicts: tuple[str, ...]

    @property
    def spans(self) -> list[Span]:
        """Where it is marked, as far as its windows reach."""
        return marked_spans(self.states, (len(self.hearts) + 1) * PIPELINE_GRID.hop_s)


def listen(data: DataSet, paths: Iterable[str], predict: Predict) -> list[Heard]:
    """Hear the marked ones among the recordings of these paths."""
    wanted, found = set(paths), states(data)
    chosen = [own for own in data.recordings if own.path in wanted and own.path in found]
    heard = []
    for recording in tracked(chosen, f"hearing {data.name}"):
        windows = windows_of(*data.read(recording))
        verdicts = tuple(quality.verdict for quality in judge(windows))
        hearts = _hearts(windows.samples, predict)
        heard.append(Heard(data.name, recording, found[recording.path], hearts, verdicts))
    return heard


def _hearts(windows: Floats, predict: Predict) -> tuple[Heart | None, ...]:
    hearts: list[Heart | None] = []
    for first in range(0, len(windows), _BATCH):
        some = windows[first : first + _BATCH]
        hearts += hear_fast_too(some, predict, least_confidence=0.0)
    return tuple(hearts)


def counts(heard: Heard, tolerance_s: float) -> Counts:
    """S1 and S2 found against marked."""
    total = Counts(0, 0, 0)
    for kind in _KINDS:
        told_s = np.array(sounds_s(heard.hearts, kind))
        total += counted(told_s, middles_s(heard.states, kind), heard.spans, tolerance_s)
    return total


def references_bpm(heard: Heard) -> npt.NDArray[np.float64]:
    """The marked rate of each window; NaN where fewer than two whole beats are marked."""
    s1_s, spans = middles_s(heard.states, "S1"), heard.spans
    starts_s = np.arange(len(heard.hearts)) * PIPELINE_GRID.hop_s
    return np.array(
        [
            reference_bpm(s1_s, spans, Span(start_s, start_s + PIPELINE_GRID.window_s))
            for start_s in starts_s
        ]
    )


def overlap(heard: Heard, least_confidence: float) -> tuple[int, int]:
    """Sounds in overlaps of windows that both answer: how many agree, and how many there are."""
    agree = total = 0
    hop_s = PIPELINE_GRID.hop_s
    for earlier, later in zip(heard.hearts, heard.hearts[1:], strict=False):
        if earlier is None or later is None:
            continue
        if min(earlier.confidence, later.confidence) < least_confidence:
            continue
        for one, other in ((earlier.s1_s, later.s1_s), (earlier.s2_s, later.s2_s)):
            first = np.array([at_s - hop_s for at_s in one if at_s >= hop_s])
            second = np.array([at_s for at_s in other if at_s < hop_s])
            agree += len(matched(first, second, SAME_BEAT_S))
            total += max(len(first), len(second))
    return agree, total
