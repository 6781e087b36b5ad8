"""A device's clock, judged by when its live chunks arrive."""

from typing import NamedTuple

_BUCKET_US = 10_000_000
_MAX_BUCKETS = 30  # five minutes
_MIN_DRIFT_SPAN_US = 60_000_000
# No drift and no honest delay moves the lower edge by so much within so short a time.
_STEP_US = 200_000
_STEP_BUCKETS = 2


class ClockEstimate(NamedTuple):
    """The device's clock minus ours, in microseconds, and its rate of change."""

    offset_us: int
    drift_ppm: float | None


class ClockEstimator:
    """Offset and drift from the least delayed chunks of the last five minutes.

    Of ``received - captured end`` only the delay can grow by chance, so truth lies along the
    lower edge of the points. The line is the one of Moon, Skelly and Towsley ("Estimation and
    removal of clock skew from network delay measurements", INFOCOM 1999): beneath all points,
    as near to them as it can be, which makes it the edge of their lower hull in the middle of
    the time they span. What remains in the offset is the least delay on the way, milliseconds
    as a rule.
    """

    __slots__ = ("_lags_us", "_times_us")

    def __init__(self) -> None:
        # The least lag of each ten seconds, and when it was seen.
        self._times_us: list[int] = []
        self._lags_us: list[int] = []

    def observe(self, received_us: int, captured_end_us: int) -> None:
        """Take in one chunk of the live lane."""
        lag_us = received_us - captured_end_us
        if self._times_us:
            buckets_on = received_us // _BUCKET_US - self._times_us[-1] // _BUCKET_US
            if buckets_on == 0 and lag_us >= self._lags_us[-1]:
                return
            if buckets_on < 0 or lag_us < min(self._lags_us) - _STEP_US:
                self._keep_last(0)
            elif buckets_on == 0:
                del self._times_us[-1], self._lags_us[-1]
            elif self._stepped_up():
                self._keep_last(_STEP_BUCKETS)
        self._times_us.append(received_us)
        self._lags_us.append(lag_us)
        self._keep_last(_MAX_BUCKETS)

    def estimate(self) -> ClockEstimate | None:
        """What is known now, or None before the first chunk."""
        if not self._times_us:
            return None
        (t0, y0), (t1, y1) = self._middle_edge()
        span_us = self._times_us[-1] - self._times_us[0]
        if t0 == t1 or span_us < _MIN_DRIFT_SPAN_US:
            return ClockEstimate(-min(self._lags_us), None)
        slope = (y1 - y0) / (t1 - t0)
        lag_now_us = y0 + slope * (self._times_us[-1] - t0)
        return ClockEstimate(-round(lag_now_us), -slope * 1e6)

    def _stepped_up(self) -> bool:
        """Whether even the least lag of the last buckets is far above all before."""
        before, after = self._lags_us[:-_STEP_BUCKETS], self._lags_us[-_STEP_BUCKETS:]
        return bool(before) and min(after) > max(before) + _STEP_US

    def _keep_last(self, buckets: int) -> None:
        """Forget what is older, or void because one of the two clocks was set."""
        surplus = max(0, len(self._times_us) - buckets)
        del self._times_us[:surplus], self._lags_us[:surplus]

    def _middle_edge(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The edge of the lower hull that spans the mean of the times."""
        hull: list[tuple[int, int]] = []
        for point in zip(self._times_us, self._lags_us, strict=True):
            while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
                hull.pop()
            hull.append(point)
        middle_us = sum(self._times_us) / len(self._times_us)
        at = next((i for i, (t, _) in enumerate(hull) if t >= middle_us), len(hull) - 1)
        return hull[max(0, at - 1)], hull[at]


def _turns_down(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Whether b lies on or above the line from a to c."""
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])
