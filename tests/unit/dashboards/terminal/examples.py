"""Records as the pipeline writes them, with what a test cares about as arguments."""

from models.rhythm import Heart
from models.verdict import Verdict
from stream_processors.records import (
    AudioReference,
    DeviceStats,
    Finding,
    Quality,
    StageTimes,
    Strip,
    WindowResult,
)
from tests.reports import device_stats

NOW_US = 1_800_000_000_000_000


def at(seconds: float) -> int:
    """`seconds` after the tests' now, in microseconds."""
    return NOW_US + round(seconds * 1e6)


def finding(
    label: str = "normal",
    probability: float = 0.9,
    *,
    abstained: bool = False,
    shadow: bool = False,
) -> Finding:
    return Finding(
        model="screen",
        version="1",
        label=label,
        probability=probability,
        probabilities={label: probability},
        abstained=abstained,
        shadow=shadow,
    )


def result(
    device_id: str = "wearable-01",
    window_index: int = 0,
    *,
    bed: str | None = "01",
    boot_id: int = 1,
    published_us: int = NOW_US,
    findings: tuple[Finding, ...] = (finding(),),
    verdict: Verdict = "good",
    reasons: tuple[str, ...] = (),
    gap_fraction: float = 0.0,
    late: bool = False,
    heart: Heart | None = None,
) -> WindowResult:
    """A result whose stages took 100, 200, 300 and 400 ms."""
    return WindowResult(
        device_id=device_id,
        boot_id=boot_id,
        window_index=window_index,
        start_us=published_us - 6_000_000,
        window_s=5.0,
        gap_fraction=gap_fraction,
        late=late,
        bed=bed,
        quality=Quality(score=0.9, verdict=verdict, reasons=reasons),
        heart=heart,
        findings=findings,
        strip=Strip(sample_rate_hz=500, full_scale=1.0, samples=b""),
        audio=AudioReference(topic="pcg.audio", partition=0, first_offset=0, last_offset=4),
        stages=StageTimes(
            captured_us=published_us - 1_000_000,
            received_us=published_us - 900_000,
            windowed_us=published_us - 700_000,
            inferred_us=published_us - 400_000,
        ),
    )


def clock_of(device_id: str, offset_us: int | None, *, boot_id: int = 1) -> DeviceStats:
    """A bridge's statistics, of which only the clock matters."""
    return device_stats(
        device_id=device_id,
        at_us=NOW_US,
        boot_id=boot_id,
        last_received_us=NOW_US,
        clock_offset_us=offset_us,
    )
