"""One device's chunks in the order of their positions, each sample once; time is the log's.

A chunk behind a hole waits for what is missing until 2 s have passed or 5 s of sound wait with
it: a burst of old sound may be the last that its partition sees for hours, and nothing else would
ever move the log's time on. Then the hole is a gap, and what still comes for it is late.

Nothing is ever trimmed: a chunk is taken whole or refused, so that a reader who begins anew at a
later chunk takes and refuses the same.
"""

from bisect import insort
from collections import deque
from enum import Enum
from typing import NamedTuple

from ingest.chunk import LIVE_WAIT_S, LIVE_WAIT_SOUND_S
from stream_processors.arrivals import Arrival

REORDER_WAIT_US = round(LIVE_WAIT_S * 1e6)
_GAPS_REMEMBERED = 16  # only to tell late chunks from duplicates


class Refusal(Enum):
    DUPLICATE = "duplicates"
    LATE = "late"
    CONFLICT = "conflicts"


class _Waiting(NamedTuple):
    """`after_offset` is the lane's chunk that came before it in the log."""

    first_sample: int
    since_us: int
    after_offset: int
    arrival: Arrival


class Reorder:
    """Begins at `first_sample`; what lies before it was never asked for.

    Attributes
    ----------
    next_sample
        Everything before it has been delivered or given up.
    """

    def __init__(self, first_sample: int, sample_rate_hz: int) -> None:
        self.next_sample = first_sample
        self._patience_samples = LIVE_WAIT_SOUND_S * sample_rate_hz
        self._waiting: list[_Waiting] = []
        self._gaps: deque[tuple[int, int]] = deque(maxlen=_GAPS_REMEMBERED)

    @property
    def due_us(self) -> int | None:
        """When the chunk that waits longest has waited enough."""
        if not self._waiting:
            return None
        return min(waiting.since_us for waiting in self._waiting) + REORDER_WAIT_US

    def refusal(self, arrival: Arrival) -> Refusal | None:
        """Why a chunk cannot be taken, or None."""
        first, end = arrival.first_sample, arrival.end_sample
        if first < self.next_sample:
            if end > self.next_sample:
                return Refusal.CONFLICT
            late = any(first < gap_end and end > gap_first for gap_first, gap_end in self._gaps)
            return Refusal.LATE if late else Refusal.DUPLICATE
        for _, _, _, other in self._waiting:
            if (first, end) == (other.first_sample, other.end_sample):
                return Refusal.DUPLICATE
            if first < other.end_sample and end > other.first_sample:
                return Refusal.CONFLICT
        return None

    def overtaken_after(self, arrival: Arrival) -> int | None:
        """The offset after which chunks came that lie behind this one in the sound, if any did."""
        return min(
            (w.after_offset for w in self._waiting if w.first_sample > arrival.first_sample),
            default=None,
        )

    def step(self, arrival: Arrival, now_us: int, *, after_offset: int) -> list[Arrival]:
        """Take a chunk that is not refused; return what can be delivered, in order."""
        if arrival.first_sample == self.next_sample:
            self.next_sample = arrival.end_sample
            return [arrival, *self._contiguous()] if self._waiting else [arrival]
        waiting = _Waiting(arrival.first_sample, now_us, after_offset, arrival)
        insort(self._waiting, waiting, key=_position)
        return self._over_the_gap() if self._waiting_samples() > self._patience_samples else []

    def give_up(self, now_us: int) -> list[Arrival]:
        """Deliver what has waited enough; the holes before it become gaps."""
        delivered: list[Arrival] = []
        while (due_us := self.due_us) is not None and due_us < now_us:
            since_us = due_us - REORDER_WAIT_US
            while any(waiting.since_us == since_us for waiting in self._waiting):
                delivered += self._over_the_gap()
        return delivered

    def flush(self) -> list[Arrival]:
        """Deliver all that waits: nothing more comes."""
        delivered: list[Arrival] = []
        while self._waiting:
            delivered += self._over_the_gap()
        return delivered

    def _over_the_gap(self) -> list[Arrival]:
        beyond = self._waiting[0].first_sample
        self._gaps.append((self.next_sample, beyond))
        self.next_sample = beyond
        return self._contiguous()

    def _waiting_samples(self) -> int:
        return sum(waiting.arrival.end_sample - waiting.first_sample for waiting in self._waiting)

    def _contiguous(self) -> list[Arrival]:
        ready = 0
        for first_sample, _, _, arrival in self._waiting:
            if first_sample != self.next_sample:
                break
            self.next_sample = arrival.end_sample
            ready += 1
        delivered = [waiting.arrival for waiting in self._waiting[:ready]]
        del self._waiting[:ready]
        return delivered


def _position(waiting: _Waiting) -> int:
    return waiting.first_sample
