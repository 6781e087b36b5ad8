"""What ``heartward classify --json`` prints: one object a file, by model.

    {"path": ..., "duration_s": ..., "inference_ms": ..., "quality": {...},
     "models": {NAME: {"version": ..., "label": ..., "probabilities": {...},
                       "windows": [{"start_s": ..., "probabilities": {...}}]}},
     "heart": {"rate_bpm": ..., "confidence": ..., "s1_s": [...], "s2_s": [...]}}

`heart` is null where the sound does not allow it, and where no model of task `segment` was asked.
Models and windows have an `embedding_distance` too where the artifact tells one, and a true
`abstained` where the sound is not usable.
All of it but `inference_ms` is a function of the file and the artifacts, bit for bit. A file that
cannot be used is ``{"path": ..., "error": ...}``.
"""

from collections import Counter

import msgspec

from models.classify import RecordingResult, Summary
from models.recording_heart import RecordingHeart
from models.recording_quality import RecordingQuality


class WindowAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One window.

    Attributes
    ----------
    abstained
        There, and true, where the sound of the window is not usable: then it is worth nothing,
        and it counts for the recording only where no other window does.
    embedding_distance
        There where the model tells it, as `models.classify.Opinion`.
    """

    start_s: float
    probabilities: dict[str, float]
    abstained: bool = False
    embedding_distance: float | None = None


class ModelAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model on one file.

    Attributes
    ----------
    label
        The likeliest.
    probabilities
        As `models.classify.overall` combines the windows'.
    abstained
        There, and true, where no window was usable: then the label is worth nothing.
    embedding_distance
        There where the model tells how far the sound is from what it was validated on: about 1
        for what is like it. The mean over the windows that the probabilities are of.
    """

    version: str
    label: str
    probabilities: dict[str, float]
    windows: tuple[WindowAnswer, ...]
    abstained: bool = False
    embedding_distance: float | None = None


class FileAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One file; a model goes by its name, or by NAME-VERSION where several versions were asked.

    `inference_ms` is the time from samples in memory to all probabilities: filters, quality and
    models, without reading the file.
    """

    path: str
    duration_s: float
    inference_ms: float
    quality: RecordingQuality
    models: dict[str, ModelAnswer]
    heart: RecordingHeart | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A file that cannot be used, and why, in one sentence."""

    path: str
    error: str


def answer_of(result: RecordingResult) -> FileAnswer:
    """Put a result in order of models."""
    versions = Counter(summary.model for summary in result.summary)
    return FileAnswer(
        path=result.path,
        duration_s=result.duration_s,
        inference_ms=round(result.inference_ms, 3),
        quality=result.quality,
        models={
            name if versions[name] == 1 else f"{name}-{summary.version}": _of(summary, result)
            for summary in result.summary
            for name in (summary.model,)
        },
        heart=result.heart,
    )


def _of(summary: Summary, result: RecordingResult) -> ModelAnswer:
    own = (summary.model, summary.version)
    return ModelAnswer(
        version=summary.version,
        label=summary.label,
        probabilities=summary.probabilities,
        windows=tuple(
            WindowAnswer(
                start_s=window.start_s,
                probabilities=opinion.probabilities,
                abstained=not window.quality.usable,
                embedding_distance=opinion.embedding_distance,
            )
            for window in result.windows
            for opinion in window.opinions
            if (opinion.model, opinion.version) == own
        ),
        abstained=not summary.usable_windows,
        embedding_distance=summary.embedding_distance,
    )
