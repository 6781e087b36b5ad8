"""When a window truly began: a function of its own chunks, so that a replay gives the same."""

from collections.abc import Sequence

from stream_processors.arrivals import Arrival

# A device buffers for 10 minutes; its clock may run ahead by what a careless set-up leaves.
_OLDEST_US = 15 * 60 * 1_000_000
_NEWEST_US = 5 * 1_000_000


def start_us(start_sample: int, sample_rate_hz: int, arrivals: Sequence[Arrival]) -> int:
    """UTC microseconds of a window's first sample.

    The device's own clock says it, at the first chunk that the window has, if that clock is
    plausible: the chunk ended at most 15 minutes before it was received, and at most 5 s after.
    Otherwise the chunk with the shortest way says it.
    """
    first = arrivals[0]
    captured_end_us = captured_at_us(first, first.end_sample, sample_rate_hz)
    age_us = first.received_at_us - captured_end_us
    if -_NEWEST_US <= age_us <= _OLDEST_US:
        return captured_at_us(first, start_sample, sample_rate_hz)
    return min(
        arrival.received_at_us - _duration_us(arrival.end_sample - start_sample, sample_rate_hz)
        for arrival in arrivals
    )


def captured_at_us(arrival: Arrival, sample: int, sample_rate_hz: int) -> int:
    """What the device's clock said at a sample, reckoned from one chunk."""
    return arrival.captured_at_us + _duration_us(sample - arrival.first_sample, sample_rate_hz)


def _duration_us(samples: int, sample_rate_hz: int) -> int:
    return samples * 1_000_000 // sample_rate_hz
