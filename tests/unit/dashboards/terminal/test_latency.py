"""Percentiles of latency are over a span or over all."""

import pytest

from dashboards.terminal.latency import Latencies
from stream_processors.records import STAGES
from tests.unit.dashboards.terminal.examples import NOW_US, at, result


def test_percentiles_are_those_of_the_windows_within_the_span() -> None:
    latencies = Latencies(span_s=60.0)
    latencies.add(result(published_us=at(-61)).stages, at(-61), 0)
    for extra_ms in range(101):
        latencies.add(result().stages, at(extra_ms / 1000), 0)
    p50, p95, p99 = latencies.percentiles(NOW_US)["end_to_end"]
    assert (p50, p95, p99) == pytest.approx((950, 995, 999))


def test_without_a_span_nothing_is_forgotten() -> None:
    latencies = Latencies()
    latencies.add(result(published_us=at(-9999)).stages, at(-9999), 0)
    assert set(latencies.percentiles(NOW_US)) == set(STAGES)


def test_nothing_is_reported_for_nothing() -> None:
    assert Latencies().percentiles(NOW_US) == {}


def test_the_first_stage_is_free_of_the_clock_and_absent_where_that_is_not_known() -> None:
    latencies = Latencies()
    latencies.add(result().stages, NOW_US, None)
    assert set(latencies.percentiles(NOW_US)) == set(STAGES[1:])
    latencies.add(result().stages, NOW_US, 7000)
    assert latencies.percentiles(NOW_US)["capture_to_received"] == (107.0, 107.0, 107.0)


def test_a_chunk_faster_than_all_before_took_no_time_and_not_less() -> None:
    latencies = Latencies()
    latencies.add(result().stages, NOW_US, -150_000)
    assert latencies.percentiles(NOW_US)["capture_to_received"].p50 == 0.0
