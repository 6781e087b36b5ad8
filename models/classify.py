"""A recording in a file, cut, judged and classified as the pipeline does it with a stream.

Unlike the pipeline it runs models of any contract, each on its own grid.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from models.contract import SAMPLE_RATES_HZ, ModelContract
from models.dsp import Floats
from models.errors import UserError
from models.predictor import Predictor
from models.quality import Assessment
from models.recording import Pace, Recording

_BATCH = 32  # windows that go through a model together; more only take more memory


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What one model says; `label` is the likeliest."""

    model: str
    version: str
    label: str
    probability: float
    probabilities: dict[str, float]


class Summary(Opinion, frozen=True, kw_only=True):
    """What one model says of a whole recording, out of the `usable_windows` among its `windows`.

    Where no window is usable it is out of all of them, and `usable_windows` is 0.
    """

    windows: int
    usable_windows: int


class WindowFindings(msgspec.Struct, frozen=True, kw_only=True):
    """One window, and what the models say whose windows are so long and so far apart."""

    start_s: float
    window_s: float
    gap_fraction: float
    quality: Assessment
    opinions: tuple[Opinion, ...]


class RecordingResult(msgspec.Struct, frozen=True, kw_only=True):
    """One file; `windows` come grid after grid, each in the order of time."""

    path: str
    sample_rate_hz: int
    duration_s: float
    summary: tuple[Summary, ...]
    windows: tuple[WindowFindings, ...]


def classify_file(path: Path, models: Sequence[Predictor]) -> RecordingResult:
    """Classify a WAV, FLAC or OGG file.

    Raises
    ------
    UserError
        If the file cannot be read, is not mono, or has a sample rate that the wire does not know.
    """
    samples, sample_rate_hz = read_sound(path)
    name = os.fsencode(path).decode(errors="replace")
    return classify(samples, sample_rate_hz, models, name=name)


def classify(
    samples: npt.NDArray[np.int16],
    sample_rate_hz: int,
    models: Sequence[Predictor],
    *,
    name: str,
) -> RecordingResult:
    """Classify a whole recording, shape (n,), int16, mono, at a rate of the wire."""
    recording = Recording(samples, sample_rate_hz)
    paces = dict.fromkeys(Pace.of(model.contract) for model in models)
    parts = [
        _at_pace(recording, pace, [m for m in models if Pace.of(m.contract) == pace])
        for pace in paces
    ]
    return RecordingResult(
        path=name,
        sample_rate_hz=sample_rate_hz,
        duration_s=len(samples) / sample_rate_hz,
        summary=tuple(summary for summaries, _ in parts for summary in summaries),
        windows=tuple(window for _, windows in parts for window in windows),
    )


def _at_pace(
    recording: Recording, pace: Pace, models: Sequence[Predictor]
) -> tuple[list[Summary], list[WindowFindings]]:
    qualities = recording.qualities(pace)
    usable = np.array([quality.usable for quality in qualities])
    answers = [(model.contract, _in_batches(model, recording)) for model in models]
    windows = [
        WindowFindings(
            start_s=float(start_s),
            window_s=pace.window_s,
            gap_fraction=recording.gap_fraction(pace),
            quality=quality,
            opinions=tuple(_opinion(contract, rows[k]) for contract, rows in answers),
        )
        for k, (start_s, quality) in enumerate(
            zip(recording.starts_s(pace), qualities, strict=True)
        )
    ]
    summaries = [
        Summary(
            **msgspec.structs.asdict(_opinion(contract, overall(rows, usable))),
            windows=len(usable),
            usable_windows=int(usable.sum()),
        )
        for contract, rows in answers
    ]
    return summaries, windows


def overall(
    probabilities: npt.NDArray[np.floating], usable: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """A recording's probabilities: the mean of its usable windows', of all where none is.

    Parameters
    ----------
    probabilities
        Shape (windows, labels).
    usable
        Shape (windows,).
    """
    chosen = usable if usable.any() else np.ones_like(usable)
    return np.asarray(probabilities[chosen].mean(axis=0, dtype=np.float64))


def read_sound(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    """Samples as a wearable would send them, shape (n,), int16, and their rate in Hz.

    Raises
    ------
    UserError
        As `classify_file`.
    """
    try:
        with path.open("rb") as file:
            _require(bool(file.read(1)), path, "is empty")
        with soundfile.SoundFile(os.fsencode(path)) as sound:  # its name may be no text
            _require(sound.channels == 1, path, f"has {sound.channels} channels, give it one")
            _require(
                sound.samplerate in SAMPLE_RATES_HZ,
                path,
                f"has {sound.samplerate} samples a second, resample it to one of {SAMPLE_RATES_HZ}",
            )
            _require(sound.frames > 0, path, "holds no sound")
            if sound.subtype not in ("FLOAT", "DOUBLE", "VORBIS", "OPUS"):
                return sound.read(dtype="int16"), sound.samplerate
            return _as_int16(sound.read(dtype="float32"), path), sound.samplerate
    except soundfile.LibsndfileError as error:
        raise UserError(
            f"{path} cannot be read as WAV, FLAC or OGG: {error.error_string}"
        ) from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: name the recordings in it") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _as_int16(sound: npt.NDArray[np.float32], path: Path) -> npt.NDArray[np.int16]:
    _require(bool(np.isfinite(sound).all()), path, "holds samples that are not numbers")
    steps = np.clip(np.rint(sound * 2.0**15), -(2**15), 2**15 - 1)
    return np.asarray(steps, dtype=np.int16)


def _require(fine: bool, path: Path, otherwise: str) -> None:
    if not fine:
        raise UserError(f"{path} {otherwise}")


def _in_batches(model: Predictor, recording: Recording) -> Floats:
    windows = recording.windows(model.contract)
    batches = [windows[k : k + _BATCH] for k in range(0, len(windows), _BATCH)]
    return np.concatenate([model.predict(batch) for batch in batches])


def _opinion(contract: ModelContract, probabilities: npt.NDArray[np.floating]) -> Opinion:
    likeliest = int(np.argmax(probabilities))
    return Opinion(
        model=contract.name,
        version=contract.version,
        label=contract.labels[likeliest],
        probability=float(probabilities[likeliest]),
        probabilities=dict(zip(contract.labels, probabilities.tolist(), strict=True)),
    )
