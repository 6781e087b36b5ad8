"""A window, what was found in it and where it comes from, put together as one record."""

from collections.abc import Sequence

import numpy as np

from models.contract import PIPELINE_GRID
from models.resample import Resampler
from stream_processors.assignments import AssignmentHistory
from stream_processors.clock import captured_at_us, start_us
from stream_processors.inference import Judgement
from stream_processors.partition import Partition
from stream_processors.records import AudioReference, Quality, StageTimes, Strip, WindowResult
from stream_processors.windows import Window

STRIP_RATE_HZ = 500

_to_strip = Resampler(PIPELINE_GRID.sample_rate_hz, STRIP_RATE_HZ)
_DOWN = PIPELINE_GRID.sample_rate_hz // STRIP_RATE_HZ
# Sound of the hop before, so that one strip goes on where the last one ended.
_RUN_UP = 64 * _DOWN
_FULL_SCALE = 2**15 - 1
_SILENCE = 1e-6  # of full scale: nothing below is worth showing


def result_of(
    window: Window,
    judgement: Judgement,
    strip: Strip,
    partition: Partition,
    assignments: AssignmentHistory,
    *,
    windowed_us: int,
    inferred_us: int,
) -> WindowResult:
    """Put the result together; all but the two wall clocks given is a function of the log."""
    device_id, boot_id, sample_rate_hz = window.key
    began_us = start_us(window.start_sample, sample_rate_hz, window.arrivals)
    assignment = assignments.at(device_id, began_us)
    last = window.latest
    offsets = [arrival.offset for arrival in window.arrivals]
    quality = judgement.quality
    return WindowResult(
        device_id=device_id,
        boot_id=boot_id,
        window_index=window.index,
        start_us=began_us,
        window_s=PIPELINE_GRID.window_s,
        gap_fraction=window.gap_fraction,
        late=partition.history,
        assignment_id=assignment.assignment_id if assignment else None,
        patient_id=assignment.patient_id if assignment else None,
        ward=assignment.ward if assignment else None,
        bed=assignment.bed if assignment else None,
        quality=Quality(score=quality.score, verdict=quality.verdict, reasons=quality.reasons),
        heart=judgement.heart,
        findings=judgement.findings,
        strip=strip,
        audio=AudioReference(
            topic=partition.topic,
            partition=partition.number,
            first_offset=min(offsets),
            last_offset=max(offsets),
        ),
        stages=StageTimes(
            captured_us=captured_at_us(last, last.end_sample, sample_rate_hz),
            received_us=last.received_at_us,
            windowed_us=windowed_us,
            inferred_us=inferred_us,
        ),
    )


def strips_of(windows: Sequence[Window]) -> list[Strip]:
    """The filtered sound of each window's last hop, for the eye: 500 Hz, 32 ms behind the sound."""
    sound = np.stack(
        [np.concatenate([w.earlier.filtered[-_RUN_UP:], w.later.filtered]) for w in windows]
    )
    strips = _to_strip(sound)[:, _RUN_UP // _DOWN :]
    full_scales = np.abs(strips).max(axis=1).astype(np.float64)
    gains = np.where(full_scales > _SILENCE, _FULL_SCALE / np.maximum(full_scales, _SILENCE), 0.0)
    steps = np.rint(strips * gains[:, np.newaxis]).astype("<i2")
    return [
        Strip(sample_rate_hz=STRIP_RATE_HZ, full_scale=float(full_scale), samples=row.tobytes())
        for full_scale, row in zip(full_scales, steps, strict=True)
    ]
