"""Percentiles of the time that windows took from stage to stage."""

from collections import deque
from collections.abc import Iterable, Mapping
from math import nan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream_processors.records import STAGES, StageTimes, stage_latencies_ms


class Percentiles(NamedTuple):
    """In milliseconds."""

    p50: float
    p95: float
    p99: float


class Latencies:
    """The latencies of the windows published within the last `span_s`, or of all without one."""

    def __init__(self, span_s: float | None = None) -> None:
        self._span_us = None if span_s is None else round(span_s * 1e6)
        self._published_us: deque[int] = deque()
        self._rows: deque[tuple[float, ...]] = deque()

    def add(self, stages: StageTimes, published_us: int, clock_offset_us: int | None) -> None:
        """Add a window of a device whose clock is ahead by so much.

        The first stage is counted from when the device's clock is corrected, and not at all
        while that clock is not known.
        """
        captured_ms, *others = stage_latencies_ms(stages, published_us)
        corrected_ms = nan
        if clock_offset_us is not None:
            # A chunk that was faster than all before it is ahead of the estimate till the next.
            corrected_ms = max(0.0, captured_ms + clock_offset_us / 1000)
        self._published_us.append(published_us)
        self._rows.append((corrected_ms, *others))

    def percentiles(self, now_us: int) -> Mapping[str, Percentiles]:
        """By stage; without those of which there is nothing to count."""
        self._forget(now_us)
        by_stage = zip(STAGES, np.array(self._rows).T, strict=False)
        return {
            stage: _percentiles(known)
            for stage, values in by_stage
            if (known := values[~np.isnan(values)]).size
        }

    def _forget(self, now_us: int) -> None:
        while self._span_us is not None and self._rows:
            if self._published_us[0] >= now_us - self._span_us:
                break
            self._published_us.popleft()
            self._rows.popleft()


def _percentiles(values: npt.NDArray[np.float64]) -> Percentiles:
    return Percentiles(*(round(float(value), 3) for value in np.percentile(values, [50, 95, 99])))


def percentiles_of(values: Iterable[float]) -> Percentiles | None:
    """None of nothing."""
    known = np.array(list(values), np.float64)
    return _percentiles(known) if known.size else None
