"""Offset and drift of simulated device clocks are found beneath network jitter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clocks import ClockEstimator

SECOND_US = 1_000_000
START_US = 1_790_000_000 * SECOND_US


def listen(
    estimator: ClockEstimator,
    *,
    seconds: int,
    from_s: int = 0,
    offset_us: float = 0.0,
    drift_ppm: float = 0.0,
    jitter_us: float = 20_000.0,
    least_delay_us: float = 3_000.0,
    seed: int = 1,
) -> None:
    """One chunk a second; delays are exponential above the least one."""
    delays_us = least_delay_us + np.random.default_rng(seed).exponential(jitter_us, seconds)
    for second, delay_us in enumerate(delays_us, start=from_s):
        true_us = START_US + second * SECOND_US
        captured_end_us = true_us + offset_us + drift_ppm * second
        estimator.observe(round(true_us + delay_us), round(captured_end_us))


@settings(max_examples=40)
@given(
    st.floats(-5e6, 5e6),
    st.floats(-150, 150),
    st.integers(0, 1000),
)
def test_finds_offset_and_drift_beneath_jitter(
    offset_us: float, drift_ppm: float, seed: int
) -> None:
    estimator = ClockEstimator()

    listen(estimator, seconds=300, offset_us=offset_us, drift_ppm=drift_ppm, seed=seed)

    estimate = estimator.estimate()
    assert estimate is not None
    assert estimate.offset_us == pytest.approx(offset_us + drift_ppm * 300, abs=15_000)
    assert estimate.drift_ppm == pytest.approx(drift_ppm, abs=50)


def test_knows_an_offset_from_the_first_chunk_and_a_drift_after_a_minute() -> None:
    estimator = ClockEstimator()
    assert estimator.estimate() is None

    estimator.observe(START_US, START_US - 4000)
    first = estimator.estimate()
    assert first is not None
    assert first == (-4000, None)

    listen(estimator, seconds=90, from_s=1)
    later = estimator.estimate()
    assert later is not None
    assert later.drift_ppm is not None


def test_a_delayed_minute_moves_nothing() -> None:
    estimator = ClockEstimator()
    listen(estimator, seconds=120, offset_us=50_000)
    listen(estimator, seconds=10, from_s=120, offset_us=50_000, least_delay_us=8e6)
    listen(estimator, seconds=120, from_s=130, offset_us=50_000)

    estimate = estimator.estimate()

    assert estimate is not None
    assert estimate.offset_us == pytest.approx(50_000, abs=15_000)
    assert estimate.drift_ppm == pytest.approx(0, abs=60)


@pytest.mark.parametrize("step_us", [-5_000_000, 5_000_000])
def test_a_clock_that_was_set_is_believed_within_half_a_minute(step_us: int) -> None:
    estimator = ClockEstimator()
    listen(estimator, seconds=120, offset_us=2_000_000)
    listen(estimator, seconds=31, from_s=120, offset_us=2_000_000 + step_us)

    estimate = estimator.estimate()

    assert estimate is not None
    assert estimate.offset_us == pytest.approx(2_000_000 + step_us, abs=15_000)


def test_our_own_clock_may_be_set_back() -> None:
    estimator = ClockEstimator()
    listen(estimator, seconds=120)
    listen(estimator, seconds=30, from_s=-3600)

    estimate = estimator.estimate()

    assert estimate is not None
    assert estimate.offset_us == pytest.approx(0, abs=15_000)


def test_memory_is_bounded() -> None:
    estimator = ClockEstimator()
    listen(estimator, seconds=3600)

    assert len(estimator._times_us) == len(estimator._lags_us) <= 31
