"""The sound of many chunks as a few long sounds, and back.

Chunks of one lane that follow each other lie in one sound at their own places; what is missing
between them is silence there. A chunk that contradicts what lies there begins a sound of its own,
so nothing is lost of a log that has contradictions.

A period may be longer than memory is large. So what is known of a sound lies in a draft beside
the files until all has come, and of a file no more is read at once than the next half minute.
"""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deploy.exchange import forms
from deploy.exchange.forms import Format, Samples
from models.errors import UserError

_LONGEST_GAP_S = 60.0
_PIECE = 65_536  # samples
_MOST_PIECES = 2000
# A draft is zero where nothing was given, so what is given is none of the values around zero.
_DRAFT = np.dtype("<i4")
_GIVEN = 2**16


class Lane(NamedTuple):
    """Chunks whose positions are of one count."""

    topic: str
    device_id: str
    boot_id: int
    sample_rate_hz: int


class Place(NamedTuple):
    """In which sound a chunk lies, and from which sample on."""

    name: str
    at_sample: int


class Sounds:
    """Long sounds in the making; `write` makes a file of each draft."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._drafts: dict[Lane, list[_Draft]] = {}
        self._files = 0

    def put(self, lane: Lane, first_sample: int, samples: Samples) -> Place:
        """Give a chunk its place."""
        known = self._drafts.setdefault(lane, [])
        for draft in known:
            if draft.takes(first_sample, samples):
                return Place(draft.name, draft.put(first_sample, samples))
        self._files += 1
        name = f"{lane.device_id}-{lane.boot_id}-{self._files:04}"
        known.append(_Draft(self._folder, name, lane.sample_rate_hz, first_sample))
        return Place(name, known[-1].put(first_sample, samples))

    def write(self, form: Format) -> int:
        """Write all and return how many files there are."""
        for drafts in self._drafts.values():
            for draft in drafts:
                forms.write(self._folder, draft.name, draft.sample_rate_hz, form, draft.pieces)
                draft.discard()
        return self._files


class _Draft:
    """One long sound on disk: its samples, and which of them were given."""

    def __init__(self, folder: Path, name: str, sample_rate_hz: int, first_sample: int) -> None:
        self.name = name
        self.sample_rate_hz = sample_rate_hz
        self._file = folder / f"{name}.draft"
        self._file.touch()
        self._first = first_sample
        self._end = 0

    def takes(self, first_sample: int, samples: Samples) -> bool:
        """Whether it lies in reach and contradicts nothing."""
        at = first_sample - self._first
        if not 0 <= at <= self._end + _LONGEST_GAP_S * self.sample_rate_hz:
            return False
        there = self._read(at, min(len(samples), max(0, self._end - at)))
        given = there != 0
        return bool(np.array_equal(there[given] - _GIVEN, samples[: len(there)][given]))

    def put(self, first_sample: int, samples: Samples) -> int:
        at = first_sample - self._first
        with self._file.open("r+b") as file:
            file.seek(at * _DRAFT.itemsize)
            file.write((samples.astype(_DRAFT) + _GIVEN).tobytes())
        self._end = max(self._end, at + len(samples))
        return at

    def pieces(self) -> Iterator[Samples]:
        """All of it, a piece at a time, silence where nothing was given."""
        for at in range(0, self._end, _PIECE):
            there = self._read(at, _PIECE)
            yield np.where(there == 0, 0, there - _GIVEN).astype(np.int16)

    def discard(self) -> None:
        self._file.unlink()

    def _read(self, at: int, number: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        if number == 0:  # as it mostly is: a chunk goes on where the one before has ended
            return np.zeros(0, _DRAFT)
        return np.fromfile(self._file, _DRAFT, number, offset=at * _DRAFT.itemsize)


class Reader:
    """Cuts chunks out of the files again; devices take turns, so each has its piece kept."""

    def __init__(self, folder: Path, form: Format) -> None:
        self._folder = folder
        self._form = form
        self._pieces: OrderedDict[str, tuple[int, Samples]] = OrderedDict()

    def samples(self, place: Place, number: int) -> Samples:
        """A chunk's samples.

        Raises
        ------
        UserError
            If its file is missing, damaged or too short.
        """
        first, piece = self._pieces.get(place.name, (0, np.zeros(0, np.int16)))
        if not first <= place.at_sample <= first + len(piece) - number:
            first, piece = place.at_sample, self._read(place, max(number, _PIECE))
        self._keep(place.name, first, piece)
        at = place.at_sample - first
        if len(piece) < at + number:
            raise UserError(f"{self._folder / place.name} is shorter than its chunks say")
        return piece[at : at + number]

    def _read(self, place: Place, number: int) -> Samples:
        return forms.read(
            self._folder, place.name, self._form, first=place.at_sample, number=number
        )

    def _keep(self, name: str, first: int, piece: Samples) -> None:
        self._pieces[name] = first, piece
        self._pieces.move_to_end(name)
        if len(self._pieces) > _MOST_PIECES:
            self._pieces.popitem(last=False)
