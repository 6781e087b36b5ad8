"""An examination: sound comes piece by piece, findings go back, at the end it is kept or not."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from dashboards.console.recordings import limits
from dashboards.console.recordings.intake import Belongs, store
from dashboards.console.recordings.kinds import Group
from dashboards.console.recordings.models import Examination, ExaminationChunk, Recording

if TYPE_CHECKING:
    from dashboards.console.recordings.live_findings import LiveWindow

_MOST_WINDOWS_AT_ONCE = 8
_LEAST_S = 5.0


class ExaminationError(Exception):
    """In one sentence, what is wrong with what was sent."""


class Heard(NamedTuple):
    """All samples up to `samples` are there; `windows` are the next that the asker lacks."""

    samples: int
    is_full: bool
    windows: tuple[LiveWindow, ...]


def prepare() -> None:
    """Load the models while the first window is still being recorded."""

    def load() -> None:
        from dashboards.console.recordings import live_findings  # noqa: PLC0415 (slow to load)

        live_findings.installed()

    threading.Thread(target=load, name="models", daemon=True).start()


def hear_chunk(
    examination: Examination, first_sample: int, pcm: bytes, windows_known: int
) -> Heard:
    """Keep a piece of sound, and say what can be said by now; the same piece twice is kept once.

    Raises
    ------
    ExaminationError
        For a piece that does not follow what is there, or is no sound.
    """
    if len(pcm) % 2 or len(pcm) > limits.MOST_CHUNK_BYTES:
        raise ExaminationError(
            f"{len(pcm)} bytes are no piece of 16-bit sound of at most {limits.MOST_CHUNK_BYTES}"
        )
    most = round(limits.EXAMINATION_LONGEST_S * examination.sample_rate_hz)
    fits = first_sample + len(pcm) // 2 <= most
    if fits and pcm:
        _keep(examination, first_sample, pcm)
    windows = _windows(examination, windows_known)
    return Heard(examination.samples, not fits, windows)


def save(examination: Examination, note: str) -> Recording:
    """Make it a recording, which goes the way of all recordings; once.

    Raises
    ------
    ExaminationError
        When it is too short to say anything of, or was saved or discarded already.
    """
    duration_s = examination.samples / examination.sample_rate_hz
    if duration_s < _LEAST_S:
        raise ExaminationError(f"{duration_s:.1f} s are too short to keep: record {_LEAST_S:g} s")
    wav = _wav(_samples(examination, 0, examination.samples), examination.sample_rate_hz)
    name = f"examination-{examination.began_at:%Y%m%d-%H%M%S}.wav"
    belongs = Belongs(examination.owner, examination.ward, examination.patient_id, note)
    with transaction.atomic():
        deleted, _ = Examination.objects.filter(pk=examination.pk).delete()
        if not deleted:
            raise ExaminationError("it was saved or discarded already")
        group = Group(name, "wav", (name,))
        return store(group, {name: ContentFile(wav)}, len(wav), belongs)


def _keep(examination: Examination, first_sample: int, pcm: bytes) -> None:
    with transaction.atomic():
        now = Examination.objects.select_for_update().get(pk=examination.pk)
        examination.samples = now.samples
        if first_sample + len(pcm) // 2 <= now.samples:
            return  # it has come before
        if first_sample != now.samples:
            raise ExaminationError(
                f"the sound goes on at sample {now.samples}, and this begins at {first_sample}"
            )
        try:
            ExaminationChunk.objects.create(examination=now, first_sample=first_sample, pcm=pcm)
        except IntegrityError:
            raise ExaminationError("the same piece is being kept already") from None
        examination.samples = first_sample + len(pcm) // 2
        Examination.objects.filter(pk=now.pk).update(
            samples=examination.samples, heard_at=timezone.now()
        )


def _windows(examination: Examination, known: int) -> tuple[LiveWindow, ...]:
    from dashboards.console.recordings import live_findings as live  # noqa: PLC0415 (slow to load)

    rate_hz = examination.sample_rate_hz
    new = min(live.complete_windows(examination.samples, rate_hz) - known, _MOST_WINDOWS_AT_ONCE)
    if new <= 0:
        return ()
    span = live.span_of(known, new, rate_hz)
    return live.judge_windows(_samples(examination, span.first, span.end), rate_hz, known)


def _samples(examination: Examination, first: int, end: int) -> npt.NDArray[np.int16]:
    """From `first` to before `end`, shape (end - first,); before 0 there was silence."""
    sound = np.zeros(end - first, np.int16)
    longest = limits.MOST_CHUNK_BYTES // 2
    chunks: Any = examination.chunks.filter(first_sample__gt=first - longest, first_sample__lt=end)
    for chunk in chunks:
        samples = np.frombuffer(bytes(chunk.pcm), "<i2")
        at = chunk.first_sample - first
        own = samples[max(0, -at) : max(0, len(sound) - at)]
        place = max(0, at)
        sound[place : place + len(own)] = own
    return sound


def _wav(samples: npt.NDArray[np.int16], sample_rate_hz: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate_hz, "PCM_16", format="WAV")
    return file.getvalue()
