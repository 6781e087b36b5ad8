"""Percentiles of the time that windows took from stage to stage."""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

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

    def add(self, stages: StageTimes, published_us: int) -> None:
        self._published_us.append(published_us)
        self._rows.append(stage_latencies_ms(stages, published_us))

    def percentiles(self, now_us: int) -> Mapping[str, Percentiles]:
        """By stage; empty while there is nothing to count."""
        self._forget(now_us)
        if not self._rows:
            return {}
        by_stage = np.percentile(np.array(self._rows), [50, 95, 99], axis=0).T
        return {
            stage: Percentiles(*(round(float(value), 3) for value in values))
            for stage, values in zip(STAGES, by_stage, strict=True)
        }

    def _forget(self, now_us: int) -> None:
        while self._span_us is not None and self._rows:
            if self._published_us[0] >= now_us - self._span_us:
                break
            self._published_us.popleft()
            self._rows.popleft()
