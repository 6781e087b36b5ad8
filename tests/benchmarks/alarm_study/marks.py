"""How fast a person's heart beats by the annotators' marks: a rate alarm may well be right."""

from collections.abc import Mapping

import numpy as np

from tests.benchmarks.alarm_study.people import Person
from training.datasets.states import State
from training.segmentation.scoring import middles_s

_BEATS = 6  # in a row, as many as a window of a usual heart has
_LONGEST_BEAT_S = 2.0

Marked = Mapping[str, tuple[State, ...]]


def marked_bpm(person: Person, marked: Marked) -> tuple[float, float] | None:
    """The lowest and the highest mean over some beats in a row; None where too few are marked.

    Parameters
    ----------
    marked
        States of each recording of the person's data set, by its path.
    """
    rates = []
    for recording in person.recordings:
        beats_s = np.diff(middles_s(marked.get(recording.path, ()), "S1"))
        for first in range(len(beats_s) - _BEATS + 1):
            own_s = beats_s[first : first + _BEATS]
            if own_s.max() <= _LONGEST_BEAT_S:  # none was left unmarked
                rates.append(60 / float(own_s.mean()))
    return (min(rates), max(rates)) if rates else None
