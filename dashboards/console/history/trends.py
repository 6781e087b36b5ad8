"""Trends of one device: columns for a plot, never more points than a screen has pixels."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import fmean
from typing import Any

import msgspec

from dashboards.console.history.models import MINUTE_US, Minute, Window

MOST_POINTS = 800
_IN_WINDOWS_US = 30 * MINUTE_US  # shorter spans show every window


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of one length; None where nothing was judged."""

    at_us: list[int]
    rate_bpm: list[float | None]
    rate_low_bpm: list[float | None]
    rate_high_bpm: list[float | None]
    abnormal_probability: list[float | None]
    quality: list[float | None]
    gap_fraction: list[float | None]
    latency_ms: list[float | None]


class _Point(msgspec.Struct, frozen=True):
    at_us: int
    rate_bpm: float | None
    rate_low_bpm: float | None
    rate_high_bpm: float | None
    abnormal_probability: float | None
    quality: float | None
    gap_fraction: float | None
    latency_ms: float | None


def trend_of(device_id: str, from_us: int, until_us: int, patient_id: str) -> Trend:
    """What is stored of a device while this patient wore it; nobody is ``""``."""
    of = {"device_id": device_id, "patient_id": patient_id}
    span_us = until_us - from_us
    points = (
        _windows(of, from_us, until_us)
        if span_us <= _IN_WINDOWS_US
        else _minutes(of, from_us, until_us)
    )
    step_us = max(1, span_us // MOST_POINTS)
    return _columns(list(_parted(list(_thinned(points, step_us)), 3 * max(step_us, MINUTE_US))))


def _windows(of: dict[str, str], from_us: int, until_us: int) -> list[_Point]:
    rows = Window.objects.filter(**of, start_us__gte=from_us, start_us__lt=until_us)
    return [
        _Point(
            row.start_us,
            _sure(row),
            _sure(row),
            _sure(row),
            row.abnormal_probability if row.verdict == "good" else None,
            row.quality,
            row.gap_fraction,
            (row.published_us - row.received_us) / 1000,
        )
        for row in rows.order_by("start_us")
    ]


def _sure(row: Window) -> float | None:
    is_sure = row.verdict == "good" and (row.rate_confidence or 0.0) >= 0.5
    return row.rate_bpm if is_sure else None


def _minutes(of: dict[str, str], from_us: int, until_us: int) -> list[_Point]:
    rows = Minute.objects.filter(**of, minute_us__gte=from_us, minute_us__lt=until_us)
    return [
        _Point(
            row.minute_us,
            row.rate_bpm,
            row.rate_low_bpm,
            row.rate_high_bpm,
            row.abnormal_probability,
            row.quality,
            row.gap_fraction,
            row.latency_ms,
        )
        for row in rows.order_by("minute_us")
    ]


def _thinned(points: Sequence[_Point], step_us: int) -> Iterable[_Point]:
    """One point for each step: means, and of the rate its extremes too."""
    for _, group in groupby(points, key=lambda point: point.at_us // step_us):
        some = list(group)
        yield _Point(
            some[0].at_us,
            _mean(p.rate_bpm for p in some),
            min(_told(p.rate_low_bpm for p in some), default=None),
            max(_told(p.rate_high_bpm for p in some), default=None),
            _mean(p.abnormal_probability for p in some),
            _mean(p.quality for p in some),
            _mean(p.gap_fraction for p in some),
            _mean(p.latency_ms for p in some),
        )


def _parted(points: Sequence[_Point], longest_us: int) -> Iterable[_Point]:
    """With an empty point wherever nothing came for longer, so that no line is drawn over it."""
    before_us: int | None = None
    for point in points:
        if before_us is not None and point.at_us - before_us > longest_us:
            yield _Point(before_us + 1, *(None,) * 7)
        yield point
        before_us = point.at_us


def _told(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    told = _told(values)
    return fmean(told) if told else None


def _columns(points: list[_Point]) -> Trend:
    def column(name: str) -> list[Any]:
        values = [getattr(point, name) for point in points]
        return [round(v, 4) if isinstance(v, float) else v for v in values]

    return Trend(**{name: column(name) for name in Trend.__struct_fields__})
