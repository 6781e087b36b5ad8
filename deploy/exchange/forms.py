"""FLAC and WFDB, lossless both, written and read a piece at a time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from models.errors import UserError

Format = Literal["flac", "wfdb"]
Samples = npt.NDArray[np.int16]

_LEAST_VALUE = -(2**15)
_WIDTHS = {"16": "<i2", "32": "<i4"}


def write(
    folder: Path, name: str, rate_hz: int, form: Format, pieces: Callable[[], Iterator[Samples]]
) -> None:
    """Write one sound; `pieces` gives it from its beginning, as often as it is asked.

    Raises
    ------
    OSError
        When the folder takes no more.
    """
    if form == "flac":
        _write_flac(folder / f"{name}.flac", rate_hz, pieces())
    else:
        _write_wfdb(folder, name, rate_hz, pieces)


def read(folder: Path, name: str, form: Format, *, first: int, number: int) -> Samples:
    """Read samples from `first` on, fewer than `number` where the sound ends before.

    Raises
    ------
    UserError
        If its file is missing or damaged.
    """
    reader = _read_flac if form == "flac" else _read_wfdb
    try:
        return reader(folder, name, first, number)
    except (OSError, soundfile.LibsndfileError, ValueError) as error:
        raise UserError(f"{folder / name} cannot be read: {error}") from None


def _write_flac(file: Path, rate_hz: int, pieces: Iterator[Samples]) -> None:
    try:
        with soundfile.SoundFile(
            file, "w", samplerate=rate_hz, channels=1, format="FLAC", subtype="PCM_16"
        ) as sound:
            for piece in pieces:
                sound.write(piece)
    except soundfile.LibsndfileError as error:
        raise OSError(None, error.error_string) from None


def _write_wfdb(
    folder: Path, name: str, rate_hz: int, pieces: Callable[[], Iterator[Samples]]
) -> None:
    """As the library writes it, which would want the whole sound at once."""
    import wfdb  # noqa: PLC0415 (it brings much that FLAC does not need)

    # Format 16 has no room for the least value: it means that a sample is missing.
    has_least = any(piece.min() == _LEAST_VALUE for piece in pieces())
    width = "32" if has_least else "16"
    first, length, total = 0, 0, 0
    with (folder / f"{name}.dat").open("wb") as file:
        for piece in pieces():
            first = first if length else int(piece[0])
            length += len(piece)
            total += int(piece.sum(dtype=np.int64))
            file.write(piece.astype(_WIDTHS[width]).tobytes())
    record = wfdb.Record(
        record_name=name,
        n_sig=1,
        fs=rate_hz,
        sig_len=length,
        units=["NU"],
        sig_name=["PCG"],
        fmt=[width],
        adc_gain=[1.0],
        baseline=[0],
        init_value=[first],
        checksum=[total % 65536],
    )
    record.set_defaults()
    record.wrheader(write_dir=str(folder), expanded=False)


def _read_flac(folder: Path, name: str, first: int, number: int) -> Samples:
    with soundfile.SoundFile(folder / f"{name}.flac") as sound:
        sound.seek(min(first, sound.frames))
        return np.asarray(sound.read(number, dtype="int16"), np.int16)


def _read_wfdb(folder: Path, name: str, first: int, number: int) -> Samples:
    import wfdb  # noqa: PLC0415 (as above)

    header = wfdb.rdheader(str(folder / name))
    first, stop = (min(at, header.sig_len) for at in (first, first + number))
    if first == stop:
        return np.zeros(0, np.int16)
    record = wfdb.rdrecord(str(folder / name), sampfrom=first, sampto=stop, physical=False)
    return np.asarray(record.d_signal[:, 0], np.int16)
