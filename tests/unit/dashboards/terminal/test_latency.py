"""Percentiles of latency are over a span or over all."""

import pytest

from dashboards.terminal.latency import Latencies
from stream_processors.records import STAGES
from tests.unit.dashboards.terminal.examples import NOW_US, at, result


def test_percentiles_are_those_of_the_windows_within_the_span() -> None:
    latencies = Latencies(span_s=60.0)
    latencies.add(result(published_us=at(-61)).stages, at(-61))
    for extra_ms in range(101):
        latencies.add(result().stages, at(extra_ms / 1000))
    p50, p95, p99 = latencies.percentiles(NOW_US)["end_to_end"]
    assert (p50, p95, p99) == pytest.approx((950, 995, 999))


def test_without_a_span_nothing_is_forgotten() -> None:
    latencies = Latencies()
    latencies.add(result(published_us=at(-9999)).stages, at(-9999))
    assert set(latencies.percentiles(NOW_US)) == set(STAGES)


def test_nothing_is_reported_for_nothing() -> None:
    assert Latencies().percentiles(NOW_US) == {}
