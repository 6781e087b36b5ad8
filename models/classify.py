"""A recording in a file, cut, judged and classified as the pipeline does it with a stream."""

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, SAMPLE_RATES_HZ, ModelContract
from models.dsp import Windows, windows_of
from models.errors import UserError
from models.predictor import Predictor
from models.quality import Assessment, assess, measure
from models.registry import Registry

_BATCH = 32  # windows that go through a model together; more only take more memory


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What one model says; `label` is the likeliest."""

    model: str
    version: str
    label: str
    probability: float
    probabilities: dict[str, float]


class WindowFindings(msgspec.Struct, frozen=True, kw_only=True):
    start_s: float
    window_s: float
    gap_fraction: float
    quality: Assessment
    opinions: tuple[Opinion, ...]


class RecordingResult(msgspec.Struct, frozen=True, kw_only=True):
    """One file; `summary` has one opinion per model, out of the `usable_windows`.

    Where no window is usable the summary is out of all of them, and `usable_windows` is 0.
    """

    path: str
    sample_rate_hz: int
    duration_s: float
    usable_windows: int
    summary: tuple[Opinion, ...]
    windows: tuple[WindowFindings, ...]


def classify_file(path: Path, registry: Registry) -> RecordingResult:
    """Classify a WAV, FLAC or OGG file with the default models.

    Raises
    ------
    UserError
        If the file cannot be read, is not mono, or has a sample rate that the wire does not know.
    ModelError
        If a default model cannot be loaded or does not fit the pipeline's windows.
    """
    samples, sample_rate_hz = read_sound(path)
    return classify(samples, sample_rate_hz, registry.defaults(), name=str(path))


def classify(
    samples: npt.NDArray[np.int16],
    sample_rate_hz: int,
    models: tuple[Predictor, ...],
    *,
    name: str,
) -> RecordingResult:
    """Classify a whole recording, shape (n,), int16, mono; raises as `classify_file`."""
    for model in models:
        model.contract.require_fit(PIPELINE_GRID, PIPELINE_FILTER)
    windows = windows_of(samples, sample_rate_hz)
    qualities = judge(windows)
    usable = np.array([quality.usable for quality in qualities])
    answers = [(model.contract, _in_batches(model, windows)) for model in models]
    return RecordingResult(
        path=name,
        sample_rate_hz=sample_rate_hz,
        duration_s=len(samples) / sample_rate_hz,
        usable_windows=int(usable.sum()),
        summary=tuple(_opinion(contract, overall(rows, usable)) for contract, rows in answers),
        windows=tuple(
            WindowFindings(
                start_s=k * PIPELINE_GRID.hop_s,
                window_s=PIPELINE_GRID.window_s,
                gap_fraction=float(windows.gap_fraction[k]),
                quality=quality,
                opinions=tuple(_opinion(contract, rows[k]) for contract, rows in answers),
            )
            for k, quality in enumerate(qualities)
        ),
    )


def judge(windows: Windows) -> tuple[Assessment, ...]:
    """The quality of each window."""
    levels = [measure(*pair) for pair in zip(windows.raw, windows.blocks, strict=True)]
    return tuple(
        assess(levels[k], levels[k + 1], float(gap)) for k, gap in enumerate(windows.gap_fraction)
    )


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
        with soundfile.SoundFile(path) as file:
            _require(file.channels == 1, path, f"has {file.channels} channels, give it one")
            _require(
                file.samplerate in SAMPLE_RATES_HZ,
                path,
                f"has {file.samplerate} samples a second, resample it to one of {SAMPLE_RATES_HZ}",
            )
            _require(file.frames > 0, path, "holds no sound")
            if file.subtype not in ("FLOAT", "DOUBLE", "VORBIS", "OPUS"):
                return file.read(dtype="int16"), file.samplerate
            return _as_int16(file.read(dtype="float32"), path), file.samplerate
    except (soundfile.LibsndfileError, OSError) as error:
        raise UserError(
            f"{path} cannot be read as WAV, FLAC or OGG: {_reason(path, error)}"
        ) from None


def _as_int16(sound: npt.NDArray[np.float32], path: Path) -> npt.NDArray[np.int16]:
    _require(bool(np.isfinite(sound).all()), path, "holds samples that are not numbers")
    steps = np.clip(np.rint(sound * 2.0**15), -(2**15), 2**15 - 1)
    return np.asarray(steps, dtype=np.int16)


def _require(fine: bool, path: Path, otherwise: str) -> None:
    if not fine:
        raise UserError(f"{path} {otherwise}")


def _reason(path: Path, error: Exception) -> str:
    return "there is no such file" if not path.exists() else str(error).splitlines()[-1]


def _in_batches(model: Predictor, windows: Windows) -> npt.NDArray[np.float32]:
    samples = windows.samples
    batches = [samples[k : k + _BATCH] for k in range(0, len(samples), _BATCH)]
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
