"""How far Kafka holds a device's sound without a hole: what the bridge's ``ack`` says."""

from bisect import bisect_left
from collections import deque

from ingest.chunk import LIVE_WAIT_S, LIVE_WAIT_SOUND_S

_LIVE_WAIT_US = round(LIVE_WAIT_S * 1e6)

# An island is a run of stored samples behind a hole. A device with more of them has lost every
# other chunk for minutes; the farthest is then forgotten, and the device sends it again.
MAX_ISLANDS = 256


class StoredPosition:
    """The samples of one boot of one device that Kafka has confirmed, on whatever lane.

    Positions before ``kept_from_sample`` of any confirmed chunk are settled: the device has been
    told that they are stored, or can no longer send them.

    Attributes
    ----------
    stored_to
        End of the hole-free run: Kafka holds, or the device has given up, everything before it.
    lost_samples
        Samples that the device gave up and that this object never saw stored.
    """

    __slots__ = ("_ends", "_starts", "lost_samples", "stored_to")

    def __init__(self, kept_from_sample: int) -> None:
        self.stored_to = kept_from_sample
        self.lost_samples = 0
        self._starts: list[int] = []
        self._ends: list[int] = []

    @property
    def missing_samples(self) -> int:
        """Samples lost for good, and those of the holes that can still be filled."""
        if not self._starts:
            return self.lost_samples
        islands = sum(self._ends) - sum(self._starts)
        return self.lost_samples + self._ends[-1] - self.stored_to - islands

    def add(self, first: int, end: int, kept_from_sample: int) -> bool:
        """Note that Kafka holds the samples from `first` up to, not including, `end`.

        Returns
        -------
        bool
            False when every one of them was known before.
        """
        self.give_up_before(kept_from_sample)
        if end <= self.stored_to:
            return False
        if first > self.stored_to:
            return self._add_island(first, end)
        self.stored_to = end
        if self._starts:
            self._absorb_islands()
        return True

    def give_up_before(self, kept_from_sample: int) -> None:
        """Settle what the device says that it keeps no longer."""
        if kept_from_sample <= self.stored_to:
            return
        lost = kept_from_sample - self.stored_to
        for start, end in zip(self._starts, self._ends, strict=True):
            lost -= max(0, min(end, kept_from_sample) - start)
        self.lost_samples += lost
        self.stored_to = kept_from_sample
        self._absorb_islands()

    def _absorb_islands(self) -> None:
        reached = 0
        for start, end in zip(self._starts, self._ends, strict=True):
            if start > self.stored_to:
                break
            self.stored_to = max(self.stored_to, end)
            reached += 1
        del self._starts[:reached], self._ends[:reached]

    def _add_island(self, first: int, end: int) -> bool:
        """Merge the run with every island that it touches."""
        left = bisect_left(self._ends, first)
        right = left
        while right < len(self._starts) and self._starts[right] <= end:
            right += 1
        if left < right and self._starts[left] <= first and end <= self._ends[left]:
            return False
        if left < right:
            first = min(first, self._starts[left])
            end = max(end, self._ends[right - 1])
        self._starts[left:right] = [first]
        self._ends[left:right] = [end]
        del self._starts[MAX_ISLANDS:], self._ends[MAX_ISLANDS:]
        return True


class LivePatience:
    """Which sound of one boot comes too late for the live lane: it has gone on without it.

    The worker lets what others overtook come up to `LIVE_WAIT_S` after them, and while no more
    than `LIVE_WAIT_SOUND_S` of later sound waits. This is never more patient than the worker, and
    knows of each chunk only how far the lane had come when.
    """

    __slots__ = ("_furthest", "_given_up_to", "_steps", "_waits_samples")

    def __init__(self, sample_rate_hz: int) -> None:
        self._waits_samples = round(LIVE_WAIT_SOUND_S * sample_rate_hz)
        self._furthest = 0
        self._given_up_to = 0
        self._steps: deque[tuple[int, int]] = deque()  # (time, furthest beginning of a chunk)

    def is_over(self, first: int, end: int, received_us: int) -> bool:
        """Whether a chunk is too late; to be asked once for each chunk of the lane."""
        while self._steps and self._steps[0][0] < received_us - _LIVE_WAIT_US:
            self._given_up_to = self._steps.popleft()[1]
        too_late = end <= max(self._given_up_to, self._furthest - self._waits_samples)
        if first > self._furthest:
            self._furthest = first
            self._steps.append((received_us, first))
        return too_late
