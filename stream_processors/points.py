"""Results as points of InfluxDB's line protocol.

===============  =======================  =====================================================
measurement      tags                     fields
===============  =======================  =====================================================
`heart`          device ward bed model    what each model found in a window, with the window's
                                          quality, gaps and rate
`heart_shadow`   device ward bed model    the same of models that run in shadow
`latency`        device ward bed          milliseconds from stage to stage
===============  =======================  =====================================================

The time of a point is the window's `start_us`, and nothing else tells points apart: a result that
is written again overwrites its points. What identifies a window but would make a new series with
every boot (`boot_id`, `window_index`) is a field.

A field cannot be taken back from a point. So `rate_confidence` is always there, 0 without a rate:
a rate that an earlier version of the window left behind is then known to count no more.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import isfinite

from models.errors import RecordError
from models.rhythm import Heart
from stream_processors.line_protocol import boolean, escaped, tag_set
from stream_processors.records import STAGES, Finding, WindowResult, stage_latencies_ms

HEART, SHADOW, LATENCY = "heart", "heart_shadow", "latency"


def require_finite(result: WindowResult) -> None:
    """Refuse what the database has no value for.

    Raises
    ------
    RecordError
        Naming each number that is not finite. Leaving just that field out would hide that
        something is wrong.
    """
    bad = [f"{name} {value}" for name, value in _numbers(result) if not isfinite(value)]
    if bad:
        raise RecordError(f"not finite: {', '.join(bad)}")


def lines(result: WindowResult, published_us: int) -> list[str]:
    """Write a result as line protocol with times in microseconds, at least two lines."""
    return [*_heart_lines(result), _latency_line(result, published_us)]


def _numbers(result: WindowResult) -> Iterator[tuple[str, float]]:
    yield "gap_fraction", result.gap_fraction
    yield "quality", result.quality.score
    if result.heart is not None:
        yield "rate_bpm", result.heart.rate_bpm
        yield "rate_confidence", result.heart.confidence
    for finding in result.findings:
        for label, probability in finding.probabilities.items():
            yield f"{finding.model} probability_{label}", probability


def _heart_lines(result: WindowResult) -> Iterator[str]:
    """One line per finding; a window without an active one still has its quality and its gaps."""
    window = _window_fields(result)
    for finding in result.findings:
        name = SHADOW if finding.shadow else HEART
        tags = _tags(result.device_id, result.ward, result.bed, finding.model)
        yield f"{name}{tags} {_finding_fields(finding)},{window} {result.start_us}"
    if all(finding.shadow for finding in result.findings):
        tags = _tags(result.device_id, result.ward, result.bed, None)
        yield f"{HEART}{tags} {window} {result.start_us}"


def _window_fields(result: WindowResult) -> str:
    return (
        f"quality={float(result.quality.score)!r},gap_fraction={float(result.gap_fraction)!r},"
        f"late={boolean(result.late)},{_rate_fields(result.heart)},"
        f"boot_id={result.boot_id}i,window_index={result.window_index}i"
    )


def _rate_fields(heart: Heart | None) -> str:
    if heart is None:
        return "rate_confidence=0.0"
    return f"rate_bpm={float(heart.rate_bpm)!r},rate_confidence={float(heart.confidence)!r}"


def _finding_fields(finding: Finding) -> str:
    probabilities = (
        f"{_probability_key(label)}={float(probability)!r}"
        for label, probability in finding.probabilities.items()
    )
    return ",".join((f"abstained={boolean(finding.abstained)}", *probabilities))


def _latency_line(result: WindowResult, published_us: int) -> str:
    latencies_ms = stage_latencies_ms(result.stages, published_us)
    fields = ",".join(f"{s}_ms={ms!r}" for s, ms in zip(STAGES, latencies_ms, strict=True))
    tags = _tags(result.device_id, result.ward, result.bed, None)
    return f"{LATENCY}{tags} {fields} {result.start_us}"


def _tags(device_id: str, ward: str | None, bed: str | None, model: str | None) -> str:
    """Whose point it is; what is not known is left out."""
    return tag_set((("bed", bed), ("device", device_id), ("model", model), ("ward", ward)))


@lru_cache(maxsize=1024)
def _probability_key(label: str) -> str:
    return f"probability_{escaped(label)}"
