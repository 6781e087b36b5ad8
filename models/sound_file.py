"""Sound files as a wearable would have sent them: one channel, 16 bits, a rate of the wire.

WAV, FLAC, OGG, MP3 and whatever else libsndfile reads. Several channels are averaged, for the
heart is in all of them and their noise is not the same. A rate that the wire does not know is
brought to the next higher one that it knows, or to the highest.
"""

import os
from collections.abc import Iterator
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import resample_poly

from models.contract import SAMPLE_RATES_HZ
from models.errors import UserError

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"})

Int16s = npt.NDArray[np.int16]

_INTEGERS = frozenset(
    {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"}
)
_HIGHEST_HZ = 192_000
_FULL_SCALE = 2.0**15


def read_sound(path: Path) -> tuple[Int16s, int]:
    """Samples, shape (n,), int16, and their rate in Hz.

    Raises
    ------
    UserError
        If the file cannot be read, holds no sound or no numbers, or has a rate below or above
        anything that hears a heart.
    """
    samples, rate_hz = _channels(path, hears_a_heart=True)
    one = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    return at_a_rate_of_the_wire(one, rate_hz)


def read_first_channel(path: Path) -> tuple[Int16s, int]:
    """Samples of the first channel, shape (n,), int16, at the file's own rate, whichever it is.

    Raises as `read_sound`, but for the rate.
    """
    samples, rate_hz = _channels(path)
    return _in_16_bits(np.ascontiguousarray(samples[:, 0])), rate_hz


def sounds_below(folder: Path) -> Iterator[Path]:
    """Every sound file in a folder and those in it, by name; hidden ones are left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place) / name


def _channels(path: Path, *, hears_a_heart: bool = False) -> tuple[npt.NDArray[np.number], int]:
    """Shape (n, channels), int16 or float32 in steps of 16 bits, and the rate in Hz.

    Raises
    ------
    UserError
        As `read_sound`; for its rate only if it must be one that `hears_a_heart`.
    """
    try:
        with path.open("rb") as file:
            _require(bool(file.read(1)), path, "is empty")
        with soundfile.SoundFile(os.fsencode(path)) as sound:  # its name may be no text
            rate_hz = sound.samplerate
            _require(
                min(SAMPLE_RATES_HZ) <= rate_hz <= _HIGHEST_HZ or not hears_a_heart,
                path,
                f"has {rate_hz} samples a second, resample it to {min(SAMPLE_RATES_HZ)} to "
                f"{_HIGHEST_HZ}",
            )
            _require(sound.frames > 0, path, "holds no sound")
            samples = _read(sound, path)
    except soundfile.LibsndfileError as error:
        raise UserError(
            f"{path} cannot be read as WAV, FLAC, OGG or MP3: {error.error_string}"
        ) from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: name the recordings in it") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    _require(len(samples) > 0, path, "holds no sound")
    return samples, rate_hz


def _read(sound: soundfile.SoundFile, path: Path) -> npt.NDArray[np.number]:
    if sound.subtype in _INTEGERS:
        return np.asarray(sound.read(dtype="int16", always_2d=True))
    floats = np.asarray(sound.read(dtype="float32", always_2d=True))
    _require(bool(np.isfinite(floats).all()), path, "holds samples that are not numbers")
    return floats * np.float32(_FULL_SCALE)


def at_a_rate_of_the_wire(sound: npt.NDArray[np.number], rate_hz: int) -> tuple[Int16s, int]:
    """Sound of shape (n,) in steps of 16 bits, at the next rate of the wire, and that rate."""
    known_hz = min(
        (rate for rate in SAMPLE_RATES_HZ if rate >= rate_hz), default=SAMPLE_RATES_HZ[-1]
    )
    if known_hz != rate_hz:
        common = gcd(known_hz, rate_hz)
        sound = resample_poly(sound.astype(np.float64), known_hz // common, rate_hz // common)
    return _in_16_bits(sound), known_hz


def _in_16_bits(sound: npt.NDArray[np.number]) -> Int16s:
    if sound.dtype == np.int16:
        return np.asarray(sound, np.int16)
    return np.asarray(np.clip(np.rint(sound), -_FULL_SCALE, _FULL_SCALE - 1), dtype=np.int16)


def _require(fine: bool, path: Path, otherwise: str) -> None:
    if not fine:
        raise UserError(f"{path} {otherwise}")
