"""Heart sounds that were found against those that were marked: pure counting.

A sound is where its middle is, as in Schmidt et al. 2010 (60 ms) and Springer et al. 2016 (100 ms).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.datasets.states import State

Floats = npt.NDArray[np.float64]

_LEAST_COVERED = 0.5  # of a window, by whole marked beats
_TOUCHING_S = 0.01  # marks of neighbours may overlap or leave so much between them


class Span(NamedTuple):
    """A stretch of a recording, in seconds."""

    start_s: float
    end_s: float


class Counts(NamedTuple):
    """Sounds found and marked, found only, and marked only."""

    both: int
    found_only: int
    marked_only: int

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and positive predictive value; NaN where nothing is."""
        total = 2 * self.both + self.found_only + self.marked_only
        return 2 * self.both / total if total else float("nan")

    def __add__(self, other: tuple[object, ...]) -> "Counts":
        if not isinstance(other, Counts):
            return NotImplemented
        return Counts(*(one + another for one, another in zip(self, other, strict=True)))


def marked_spans(states: Sequence[State], until_s: float) -> list[Span]:
    """Where somebody marked states without a hole, as far as the windows reach."""
    spans: list[Span] = []
    for state in states:
        if state.kind == "noise" or state.start_s >= until_s:
            continue
        end_s = min(state.end_s, until_s)
        if spans and state.start_s - spans[-1].end_s <= _TOUCHING_S:
            spans[-1] = Span(spans[-1].start_s, end_s)
        else:
            spans.append(Span(state.start_s, end_s))
    return spans


def middles_s(states: Sequence[State], kind: str) -> Floats:
    return np.array([(own.start_s + own.end_s) / 2 for own in states if own.kind == kind])


def within(times_s: Floats, spans: Sequence[Span]) -> npt.NDArray[np.bool_]:
    """Which times lie in any of the spans."""
    inside = np.zeros(len(times_s), bool)
    for span in spans:
        inside |= (times_s >= span.start_s) & (times_s < span.end_s)
    return inside


def matched(found_s: Floats, marked_s: Floats, tolerance_s: float) -> npt.NDArray[np.int64]:
    """Pairs of found and marked, one to one in the order of time, shape (pairs, 2).

    Both are sorted; a pair is at most `tolerance_s` apart. Going from left to right and pairing
    whatever still can be is the most pairs that there are.
    """
    pairs = []
    one = other = 0
    while one < len(found_s) and other < len(marked_s):
        apart_s = found_s[one] - marked_s[other]
        if abs(apart_s) <= tolerance_s:
            pairs.append((one, other))
            one, other = one + 1, other + 1
        elif apart_s < 0:
            one += 1
        else:
            other += 1
    return np.array(pairs, np.int64).reshape(-1, 2)


def counted(found_s: Floats, marked_s: Floats, spans: Sequence[Span], tolerance_s: float) -> Counts:
    """Count the sounds of one kind.

    Found ones count only within the marked spans; one just outside may still be the partner of a
    marked one at the edge.
    """
    marked_s = marked_s[within(marked_s, spans)]
    pairs = matched(found_s, marked_s, tolerance_s)
    alone = np.ones(len(found_s), bool)
    alone[pairs[:, 0]] = False
    extra = int(np.count_nonzero(alone & within(found_s, spans)))
    return Counts(len(pairs), extra, len(marked_s) - len(pairs))


def reference_bpm(s1_s: Floats, spans: Sequence[Span], window: Span) -> float:
    """The mean rate of the beats that lie wholly in a window and a marked span, by their S1.

    NaN where there are fewer than two whole beats, or they are less than half of the window: a
    child's rate changes within a breath, and those few would not be the window's.
    """
    beats = 0
    length_s = 0.0
    for span in spans:
        start_s, end_s = max(span.start_s, window.start_s), min(span.end_s, window.end_s)
        own = s1_s[(s1_s >= start_s) & (s1_s < end_s)]
        if len(own) > 1:
            beats += len(own) - 1
            length_s += own[-1] - own[0]
    enough = beats >= 2 and length_s >= _LEAST_COVERED * (window.end_s - window.start_s)
    return 60 * beats / length_s if enough else float("nan")
