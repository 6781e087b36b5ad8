"""Results as the pipeline publishes them, with what a test cares about as arguments."""

from typing import Any

import msgspec

from models.rhythm import Heart
from stream_processors.records import (
    AudioReference,
    Finding,
    Quality,
    StageTimes,
    Strip,
    WindowResult,
)

START_US = 1_790_000_000_000_000
PUBLISHED_US = START_US + 5_400_000
HOP_US = 2_500_000

FINDING = Finding(
    model="screen",
    version="1",
    label="abnormal",
    probability=0.75,
    probabilities={"normal": 0.25, "abnormal": 0.75},
)
HEART = Heart(rate_bpm=72.5, confidence=0.9, s1_s=(0.1, 0.9), s2_s=(0.4,))
_STRIP = Strip(sample_rate_hz=500, full_scale=1.0, samples=bytes(2 * 1250))


def window_result(device_id: str = "d1", window_index: int = 0, **changes: Any) -> WindowResult:
    """A window of five seconds, `window_index` hops after `START_US`."""
    result = WindowResult(
        device_id=device_id,
        boot_id=7,
        window_index=window_index,
        start_us=START_US + window_index * HOP_US,
        window_s=5.0,
        gap_fraction=0.0,
        late=False,
        assignment_id="a1",
        patient_id="p1",
        ward="west",
        bed="12",
        quality=Quality(score=0.8, verdict="good"),
        heart=HEART,
        findings=(FINDING,),
        strip=_STRIP,
        audio=AudioReference(topic="pcg.audio", partition=0, first_offset=3, last_offset=9),
        stages=StageTimes(
            captured_us=START_US + 5_000_000,
            received_us=START_US + 5_100_000,
            windowed_us=START_US + 5_200_000,
            inferred_us=START_US + 5_300_000,
        ),
    )
    return msgspec.structs.replace(result, **changes)
