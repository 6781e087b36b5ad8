"""A recording in a file, cut, judged and classified as the pipeline does it with a stream.

Unlike the pipeline it runs models of any contract, each on its own grid.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, ModelContract
from models.dsp import Floats
from models.fast_heart import hear_fast_too
from models.predictor import SEGMENT, Answer, Predictor
from models.recording import Pace, Recording
from models.recording_heart import RecordingHeart, whole
from models.recording_quality import RecordingQuality, of_recording
from models.rhythm import Heart
from models.sound_file import read_sound
from models.verdict import Assessment

_BATCH = 32  # windows that go through a model together; more only take more memory
_PIPELINE = Pace(PIPELINE_GRID.window_s, PIPELINE_GRID.hop_s)


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What one model says; `label` is the likeliest.

    `embedding_distance` is how far the sound is from what the model was validated on, about 1 for
    what is like it; None from a model that does not tell.
    """

    model: str
    version: str
    label: str
    probability: float
    probabilities: dict[str, float]
    embedding_distance: float | None = None


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
    """One file; `windows` come grid after grid, each in the order of time.

    `quality` is judged on the pipeline's grid, whatever the models'. `inference_ms` is the time
    from the samples to this.
    `heart` is what a model of task `segment` hears in the usable windows; null without one, and
    where the sound does not allow it.
    """

    path: str
    sample_rate_hz: int
    duration_s: float
    inference_ms: float
    quality: RecordingQuality
    summary: tuple[Summary, ...]
    windows: tuple[WindowFindings, ...]
    heart: RecordingHeart | None = None


def classify_file(path: Path, models: Sequence[Predictor]) -> RecordingResult:
    """Classify a sound file; raises `UserError` as `models.sound_file.read_sound`."""
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
    began_s = time.perf_counter()
    recording = Recording(samples, sample_rate_hz)
    classifiers = [model for model in models if model.contract.task != SEGMENT]
    paces = dict.fromkeys(Pace.of(model.contract) for model in classifiers)
    parts = [
        _at_pace(recording, pace, [m for m in classifiers if Pace.of(m.contract) == pace])
        for pace in paces
    ]
    starts_s = [float(start_s) for start_s in recording.starts_s(_PIPELINE)]
    quality = of_recording(recording.qualities(_PIPELINE), starts_s)
    hearts = [_heart(recording, model) for model in models if model.contract.task == SEGMENT]
    return RecordingResult(
        path=name,
        sample_rate_hz=sample_rate_hz,
        duration_s=len(samples) / sample_rate_hz,
        inference_ms=(time.perf_counter() - began_s) * 1e3,
        quality=quality,
        summary=tuple(summary for summaries, _ in parts for summary in summaries),
        windows=tuple(window for _, windows in parts for window in windows),
        heart=hearts[0] if hearts else None,
    )


def _heart(recording: Recording, model: Predictor) -> RecordingHeart | None:
    """The heart in a recording's usable windows."""
    model.contract.require_fit(PIPELINE_GRID, PIPELINE_FILTER)
    pace, windows = Pace.of(model.contract), recording.windows(model.contract)
    hearts: list[Heart | None] = []
    for first in range(0, len(windows), _BATCH):
        some = windows[first : first + _BATCH]
        hearts += hear_fast_too(some, model.predict, heard_s=recording.duration_s)
    return whole(
        [
            heart if quality.usable else None
            for heart, quality in zip(hearts, recording.qualities(pace), strict=True)
        ]
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
            opinions=tuple(
                _opinion(contract, said.probabilities[k], _at(said.embedding_distances, k))
                for contract, said in answers
            ),
        )
        for k, (start_s, quality) in enumerate(
            zip(recording.starts_s(pace), qualities, strict=True)
        )
    ]
    return [_summary(contract, said, usable) for contract, said in answers], windows


def _summary(contract: ModelContract, said: Answer, usable: npt.NDArray[np.bool_]) -> Summary:
    far = said.embedding_distances
    distance = None if far is None else float(overall(far[:, np.newaxis], usable)[0])
    opinion = _opinion(contract, overall(said.probabilities, usable), distance)
    return Summary(
        **msgspec.structs.asdict(opinion),
        windows=len(usable),
        usable_windows=int(usable.sum()),
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


def _in_batches(model: Predictor, recording: Recording) -> Answer:
    windows = recording.windows(model.contract)
    answers = [model.answer(windows[k : k + _BATCH]) for k in range(0, len(windows), _BATCH)]
    far = [said.embedding_distances for said in answers if said.embedding_distances is not None]
    return Answer(
        np.concatenate([said.probabilities for said in answers]),
        np.concatenate(far) if far else None,
    )


def _at(distances: Floats | None, place: int) -> float | None:
    return None if distances is None else float(distances[place])


def _opinion(
    contract: ModelContract, probabilities: npt.NDArray[np.floating], distance: float | None
) -> Opinion:
    likeliest = int(np.argmax(probabilities))
    return Opinion(
        model=contract.name,
        version=contract.version,
        label=contract.labels[likeliest],
        probability=float(probabilities[likeliest]),
        probabilities=dict(zip(contract.labels, probabilities.tolist(), strict=True)),
        embedding_distance=distance,
    )
