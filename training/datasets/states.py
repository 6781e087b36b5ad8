"""Where in a recording the heart's states are, as far as somebody marked them.

physionet2016 has the onset of each state, corrected by hand, as a sample's number from 1 at 2 kHz,
with ``(N`` and ``N)`` around noise. CirCor has start, end and number of each state in a .tsv file
beside the recording; 0 there means that nobody looked. Neighbours there overlap by up to 2 ms.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

import msgspec

from training.datasets.recordings import DataSet

Kind = Literal["S1", "systole", "S2", "diastole", "noise"]

ONSETS = "heart_states.csv.gz"
_ONSETS_RATE_HZ = 2000
_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)} | {"(N": "noise"}
_NUMBERS: dict[str, Kind] = {"1": "S1", "2": "systole", "3": "S2", "4": "diastole"}


class State(msgspec.Struct, frozen=True):
    """One state from `start_s` to `end_s`, of a recording's own time."""

    start_s: float
    end_s: float
    kind: Kind


def states(data: DataSet) -> dict[str, tuple[State, ...]]:
    """The states marked in each recording, by its path; recordings without any are not there."""
    onsets = data.folder / ONSETS
    marked = _of_onsets(onsets) if onsets.is_file() else _of_tables(data)
    return {
        recording.path: marked[recording.path]
        for recording in data.recordings
        if marked.get(recording.path)
    }


def _of_onsets(file: Path) -> dict[str, tuple[State, ...]]:
    onsets: dict[str, list[tuple[float, str]]] = defaultdict(list)
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            start_s = (int(row["start_sample"]) - 1) / _ONSETS_RATE_HZ
            onsets[row["path"]].append((start_s, row["state"]))
    return {path: tuple(_between(own)) for path, own in onsets.items()}


def _between(onsets: Iterable[tuple[float, str]]) -> Iterator[State]:
    """Each state lasts to the next onset; how long the last one lasts, nobody says."""
    own = sorted(onsets)
    for (start_s, kind), (end_s, _) in pairwise(own):
        if kind in _KINDS:  # after ``N)`` comes sound that nobody marked
            yield State(start_s, end_s, _KINDS[kind])


def _of_tables(data: DataSet) -> dict[str, tuple[State, ...]]:
    found = {}
    for recording in data.recordings:
        table = (data.folder / recording.path).with_suffix(".tsv")
        if table.is_file():
            lines = (line.split() for line in table.read_text(encoding="utf-8").splitlines())
            found[recording.path] = tuple(
                State(float(start_s), float(end_s), _NUMBERS[number])
                for start_s, end_s, number in lines
                if number in _NUMBERS
            )
    return found
