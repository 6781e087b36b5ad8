"""The samples of an uploaded recording, within its limits; runs in the worker process only."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from dashboards.console.recordings.kinds import Kind
from dashboards.console.recordings.limits import HIGHEST_RATE_HZ, LONGEST_S, MOST_CHANNELS
from models.contract import SAMPLE_RATES_HZ
from models.errors import UserError
from models.sound_file import Int16s, at_a_rate_of_the_wire, read_sound

_LEAST_S = 1.0
_HEART_NAMES = ("pcg", "phono", "heart", "sound", "steth")
_MOST_SIGNALS = 64
_MISSING_S = 0.1  # by which a file may be shorter than it says
_STREAMED = 0x7FFF_0000  # programs that cannot know the size write so much, or more


def read(path: Path, kind: Kind, *, name: str) -> tuple[Int16s, int]:
    """Samples, shape (n,), int16, and their rate in Hz.

    Raises
    ------
    UserError
        In one sentence that calls the file `name`, when it breaks a limit or cannot be read.
    """
    try:
        if kind == "wfdb":
            return _read_wfdb(path)
        return _read_sound(path)
    except UserError as error:
        raise UserError(str(error).replace(str(path), name)) from None
    except MemoryError:
        raise UserError(f"{name} would take more memory than a recording may") from None


def _read_sound(path: Path) -> tuple[Int16s, int]:
    promised_s = _check_header(path)
    samples, rate_hz = read_sound(path)
    held_s = len(samples) / rate_hz
    if promised_s - held_s > _MISSING_S:
        raise UserError(
            f"{path} is cut short: it holds {held_s:.1f} of {promised_s:.1f} s; upload it again"
        )
    return samples, rate_hz


def _check_header(path: Path) -> float:
    """Refuse by what the file says of itself, before any of it is unpacked.

    Returns
    -------
    How many seconds it promises to hold.
    """
    try:
        with soundfile.SoundFile(path) as sound:
            frames, rate_hz, channels = sound.frames, sound.samplerate, sound.channels
    except soundfile.LibsndfileError:
        return 0.0  # read_sound says it best
    if channels > MOST_CHANNELS:
        raise UserError(
            f"{path} has {channels} channels: upload one site of the chest, in one or two channels"
        )
    _check(path, frames, rate_hz)
    return max(float(frames / rate_hz), wav_promise_s(path))


def wav_promise_s(path: Path) -> float:
    """How many seconds the data chunk of a WAV file should hold; 0 where it does not say.

    libsndfile believes the file's end instead, and so reads the rest of a broken transfer.
    """
    bytes_a_second = 0
    with path.open("rb") as file:
        if file.read(12)[:4] != b"RIFF":
            return 0.0
        while len(head := file.read(8)) == 8:
            name, size = head[:4], int.from_bytes(head[4:], "little")
            if name == b"data":
                is_known = bytes_a_second and 0 < size < _STREAMED
                return size / bytes_a_second if is_known else 0.0
            body = file.tell()
            if name == b"fmt ":
                bytes_a_second = int.from_bytes(file.read(12)[8:], "little")
            file.seek(body + size + size % 2)
    return 0.0


def _check(path: Path, frames: int, rate_hz: float) -> None:
    if not min(SAMPLE_RATES_HZ) <= rate_hz <= HIGHEST_RATE_HZ:
        raise UserError(
            f"{path} has {rate_hz:g} samples a second: resample it to {min(SAMPLE_RATES_HZ)} "
            f"to {HIGHEST_RATE_HZ}"
        )
    if frames < 0 or frames > 2**53:
        raise UserError(f"{path} does not say how long it is")
    duration_s = frames / rate_hz
    if duration_s > LONGEST_S:
        raise UserError(
            f"{path} lasts {_long(duration_s)}, and {_long(LONGEST_S)} are the most: "
            "cut out the part that matters"
        )
    if duration_s < _LEAST_S:
        raise UserError(f"{path} lasts {duration_s:.2g} s: a second is the least")


def _long(duration_s: float) -> str:
    if duration_s >= 3600:
        return f"{duration_s / 3600:.3g} hours"
    return f"{duration_s / 60:.3g} minutes"


def _read_wfdb(header: Path) -> tuple[Int16s, int]:
    """One signal of a record; its header's file names were checked when it was taken in."""
    import wfdb  # noqa: PLC0415 (pandas comes with it, which no other file needs)

    record_name = str(header.with_suffix(""))
    try:
        record = wfdb.rdheader(record_name)
        rate_hz = float(record.fs or 0)
        signals = [str(name) for name in record.sig_name or ()][:_MOST_SIGNALS]
        if record.sig_len:
            _check(header, int(record.sig_len), rate_hz)
        place = _heart_signal(header, signals)
        read = wfdb.rdrecord(record_name, channels=[place], physical=False)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 (whatever a broken header makes the reader trip over)
        raise UserError(f"{header} cannot be read as a WFDB record: {_first(error)}") from None
    sound = _in_sixteen_bits(read)
    _check(header, len(sound), rate_hz)
    if rate_hz != round(rate_hz):
        raise UserError(f"{header} has {rate_hz:g} samples a second, which is no whole number")
    return at_a_rate_of_the_wire(sound, round(rate_hz))


def _heart_signal(header: Path, names: list[str]) -> int:
    """Which of the signals is the heart's sound."""
    if len(names) == 1:
        return 0
    found = [
        k for k, name in enumerate(names) if any(word in name.lower() for word in _HEART_NAMES)
    ]
    if not found:
        raise UserError(
            f"{header} has {len(names)} signals and none is called PCG: {', '.join(names[:4])}"
        )
    return found[0]


def _in_sixteen_bits(record: Any) -> npt.NDArray[np.float64]:
    """Shape (n,), in steps of 16 bits, whatever the converter's resolution was."""
    if record.d_signal is None or not len(record.d_signal):
        raise UserError(f"{record.record_name}.hea holds no sound")
    zero = (record.adc_zero or [0])[0] or 0
    bits = (record.adc_res or [16])[0] or 16
    centred = record.d_signal[:, 0].astype(np.float64) - zero
    return np.asarray(np.clip(centred * 2.0 ** (16 - bits), -32768, 32767))


def _first(error: Exception) -> str:
    return (str(error).partition("\n")[0] or type(error).__name__)[:160]
