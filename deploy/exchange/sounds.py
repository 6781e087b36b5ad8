"""The sound of many chunks as a few long files, and back: FLAC or WFDB, lossless both.

Chunks of one lane that follow each other lie in one file at their own places; what is missing
between them is silence there. A chunk that contradicts what lies there begins a file of its own,
so nothing is lost of a log that has contradictions.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from models.errors import UserError

Format = Literal["flac", "wfdb"]
Samples = npt.NDArray[np.int16]

_LONGEST_GAP_S = 60.0
_LEAST_VALUE = -(2**15)


class Lane(NamedTuple):
    """Chunks whose positions are of one count."""

    topic: str
    device_id: str
    boot_id: int
    sample_rate_hz: int


class Place(NamedTuple):
    """In which file a chunk lies, and from which sample on."""

    name: str
    at_sample: int


class Sounds:
    """Long sounds in the making; `write` puts each into its file."""

    def __init__(self) -> None:
        self._long: dict[Lane, list[_Long]] = {}
        self._files = 0

    def put(self, lane: Lane, first_sample: int, samples: Samples) -> Place:
        """Give a chunk its place."""
        known = self._long.setdefault(lane, [])
        for sound in known:
            if sound.takes(first_sample, samples):
                return Place(sound.name, sound.put(first_sample, samples))
        self._files += 1
        name = f"{lane.device_id}-{lane.boot_id}-{self._files:04}"
        known.append(_Long(name, lane.sample_rate_hz, first_sample))
        return Place(name, known[-1].put(first_sample, samples))

    def write(self, folder: Path, form: Format) -> int:
        """Write all and return how many files there are."""
        folder.mkdir(parents=True, exist_ok=True)
        for sounds in self._long.values():
            for sound in sounds:
                _write(folder, sound.name, sound.samples, sound.sample_rate_hz, form)
        return self._files


class _Long:
    """One long sound: samples, and which of them were given."""

    def __init__(self, name: str, sample_rate_hz: int, first_sample: int) -> None:
        self.name = name
        self.sample_rate_hz = sample_rate_hz
        self._first = first_sample
        self._samples = np.zeros(0, np.int16)
        self._given = np.zeros(0, np.bool_)
        self._end = 0

    @property
    def samples(self) -> Samples:
        return self._samples[: self._end]

    def takes(self, first_sample: int, samples: Samples) -> bool:
        """Whether it lies in reach and contradicts nothing."""
        at = first_sample - self._first
        if not 0 <= at <= self._end + _LONGEST_GAP_S * self.sample_rate_hz:
            return False
        stop = min(at + len(samples), self._end)
        if at >= stop:
            return True
        there, given = self._samples[at:stop], self._given[at:stop]
        return bool(np.array_equal(there[given], samples[: stop - at][given]))

    def put(self, first_sample: int, samples: Samples) -> int:
        at = first_sample - self._first
        stop = at + len(samples)
        if stop > len(self._samples):  # twice as long, so that a long one costs no more per chunk
            more = max(stop, 2 * len(self._samples)) - len(self._samples)
            self._samples = np.concatenate((self._samples, np.zeros(more, np.int16)))
            self._given = np.concatenate((self._given, np.zeros(more, np.bool_)))
        self._samples[at:stop], self._given[at:stop] = samples, True
        self._end = max(self._end, stop)
        return at


class Reader:
    """Cuts chunks out of the files again; keeps what it has read, for devices take turns."""

    def __init__(self, folder: Path, form: Format) -> None:
        self._folder = folder
        self._form = form
        self._read: dict[str, Samples] = {}

    def samples(self, place: Place, number: int) -> Samples:
        """A chunk's samples.

        Raises
        ------
        UserError
            If its file is missing, damaged or too short.
        """
        if place.name not in self._read:
            self._read[place.name] = _read(self._folder, place.name, self._form)
        found = self._read[place.name][place.at_sample : place.at_sample + number]
        if len(found) != number:
            raise UserError(f"{self._folder / place.name} is shorter than its chunks say")
        return found


def files_of(folder: Path, form: Format) -> Iterator[Path]:
    """Every sound file of a folder."""
    return folder.glob("*.flac" if form == "flac" else "*.hea")


def _write(folder: Path, name: str, samples: Samples, rate_hz: int, form: Format) -> None:
    if form == "flac":
        soundfile.write(folder / f"{name}.flac", samples, rate_hz, subtype="PCM_16")
        return
    import wfdb  # noqa: PLC0415 (it brings much that FLAC does not need)

    # Format 16 has no room for the least value: it means that a sample is missing.
    wide = "32" if samples.size and samples.min() == _LEAST_VALUE else "16"
    wfdb.wrsamp(
        name,
        fs=rate_hz,
        units=["NU"],
        sig_name=["PCG"],
        d_signal=samples.astype(np.int64).reshape(-1, 1),
        fmt=[wide],
        adc_gain=[1.0],
        baseline=[0],
        write_dir=str(folder),
    )


def _read(folder: Path, name: str, form: Format) -> Samples:
    try:
        if form == "flac":
            samples, _ = soundfile.read(folder / f"{name}.flac", dtype="int16")
            return np.asarray(samples, np.int16)
        import wfdb  # noqa: PLC0415 (as above)

        record = wfdb.rdrecord(str(folder / name), physical=False)
        return np.asarray(record.d_signal[:, 0], np.int16)
    except (OSError, soundfile.LibsndfileError, ValueError) as error:
        raise UserError(f"{folder / name} cannot be read: {error}") from None
