"""One device's chunks in the order of their positions, each sample once; time is the log's.

The worker cuts its windows from what comes out here. The bridge acknowledges what fills a hole no
later than that waits (`ingest.positions.LivePatience`), so that what a device is told is stored is
what there will be results of.

A chunk behind a hole waits for what is missing until 2 s have passed or 5 s of sound wait with
it: a burst of old sound may be the last that its partition sees for hours, and nothing else would
ever move the log's time on. Then the hole is a gap, and what still comes for it is late. The
first chunk of all waits just so for what may lie before it, and so the order in which the first
ones come decides nothing.

Nothing is ever trimmed: a chunk is taken whole or refused, so that a reader who begins anew at a
later chunk takes and refuses the same.
"""

from bisect import insort
from collections import deque
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeVar

from ingest.chunk import LIVE_WAIT_S, LIVE_WAIT_SOUND_S
from models.contract import PIPELINE_GRID

REORDER_WAIT_US = round(LIVE_WAIT_S * 1e6)
SILENCE_US = 30_000_000
MAX_JUMP_S = 30
# A pause of everything is an outage of Kafka or of a bridge and tells nothing of any device. So
# the time by which devices are judged passes no faster from record to record.
LONGEST_STEP_US = 2_000_000
# Two bridges' clocks may differ by the first. A clock that is further behind, and goes on for the
# second while none is ahead of it, was set back.
_CLOCKS_DIFFER_US = 60_000_000
_SET_BACK_AFTER_US = 10_000_000
_GAPS_REMEMBERED = 16  # only to tell late chunks from duplicates


class AwakeClock:
    """The log's time without its pauses.

    Attributes
    ----------
    awake_us
        Passed since the first record.
    """

    def __init__(self) -> None:
        self.awake_us = 0
        self.log_us = 0
        self._behind_since_us: int | None = None

    def move_to(self, received_at_us: int) -> None:
        """A record came; records of several bridges may be a little out of order."""
        if self._was_set_back(received_at_us):
            self.log_us = received_at_us
        if self.log_us:
            step_us = max(0, received_at_us - self.log_us)
            self.awake_us += min(step_us, LONGEST_STEP_US)
        self.log_us = max(self.log_us, received_at_us)

    def _was_set_back(self, received_at_us: int) -> bool:
        """Otherwise time would stand still until the clock is again where it was."""
        if received_at_us >= self.log_us - _CLOCKS_DIFFER_US:
            self._behind_since_us = None
            return False
        since_us = self._behind_since_us
        if since_us is None or received_at_us < since_us:
            since_us = received_at_us
        was_set_back = received_at_us - since_us > _SET_BACK_AFTER_US
        self._behind_since_us = None if was_set_back else since_us
        return was_set_back


class Chunk(Protocol):
    """What the order of chunks depends on."""

    @property
    def first_sample(self) -> int: ...
    @property
    def end_sample(self) -> int: ...


AnyChunk = TypeVar("AnyChunk", bound=Chunk)


class Refusal(Enum):
    DUPLICATE = "duplicates"
    LATE = "late"
    CONFLICT = "conflicts"


class Departure(Enum):
    """Why a chunk begins a new order."""

    JUMP = "jumps"
    RETURN = "returns"


class _Waiting(NamedTuple, Generic[AnyChunk]):
    """`after_offset` is the lane's chunk that came before it in the log."""

    first_sample: int
    since_us: int
    after_offset: int
    chunk: AnyChunk


class Reorder(Generic[AnyChunk]):
    """Begins with a chunk, or with one from up to 30 s before it that comes soon after.

    Attributes
    ----------
    next_sample
        Everything before it has been delivered or given up.
    furthest_sample
        End of all that was taken.
    """

    def __init__(self, first_seen: int, sample_rate_hz: int) -> None:
        grid = PIPELINE_GRID.at(sample_rate_hz)
        self._jump_samples = MAX_JUMP_S * sample_rate_hz
        self._overlap_samples = grid.preroll_samples + grid.window_samples
        self._patience_samples = LIVE_WAIT_SOUND_S * sample_rate_hz
        # What lies further before can be of an order that has ended with a jump to here.
        self.next_sample = max(0, first_seen - self._jump_samples)
        self.furthest_sample = first_seen
        self._has_begun = False
        self._waiting: list[_Waiting[AnyChunk]] = []
        self._gaps: deque[tuple[int, int]] = deque(maxlen=_GAPS_REMEMBERED)

    @property
    def due_us(self) -> int | None:
        """When the chunk that waits longest has waited enough."""
        if not self._waiting:
            return None
        return min(waiting.since_us for waiting in self._waiting) + REORDER_WAIT_US

    def refusal(self, chunk: AnyChunk) -> Refusal | None:
        """Why a chunk cannot be taken, or None."""
        first, end = chunk.first_sample, chunk.end_sample
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

    def overlap(self, chunk: AnyChunk) -> tuple[int, int]:
        """The first sample, and the end, of what a chunk in conflict shares with earlier ones."""
        first, end = chunk.first_sample, chunk.end_sample
        if first < self.next_sample:
            return first, self.next_sample
        others = (waiting.chunk for waiting in self._waiting)
        other = next(o for o in others if first < o.end_sample and end > o.first_sample)
        return max(first, other.first_sample), min(end, other.end_sample)

    def departure(self, chunk: AnyChunk, *, history: bool) -> Departure | None:
        """Whether a chunk lies so far from all before it that it begins a new order, and why.

        Sound that did not arrive whole comes as history again, from a window and its pre-roll
        before what was missing. Whatever ended before has had its windows by then; to begin anew
        any nearer would cut one in two.
        """
        first = chunk.first_sample
        if first - self.furthest_sample > self._jump_samples:
            return Departure.JUMP
        is_behind = first <= self.furthest_sample - self._overlap_samples
        if history and is_behind and self.refusal(chunk) is not None:
            return Departure.RETURN
        return None

    def overtaken_after(self, chunk: AnyChunk) -> int | None:
        """The offset after which chunks came that lie behind this one in the sound, if any did."""
        return min(
            (w.after_offset for w in self._waiting if w.first_sample > chunk.first_sample),
            default=None,
        )

    def step(self, chunk: AnyChunk, now_us: int, *, after_offset: int) -> list[AnyChunk]:
        """Take a chunk that is not refused; return what can be delivered, in order."""
        self.furthest_sample = max(self.furthest_sample, chunk.end_sample)
        if chunk.first_sample == self.next_sample:
            self._has_begun = True
            self.next_sample = chunk.end_sample
            return [chunk, *self._contiguous()] if self._waiting else [chunk]
        waiting = _Waiting(chunk.first_sample, now_us, after_offset, chunk)
        insort(self._waiting, waiting, key=_position)
        delivered: list[AnyChunk] = []
        while self._waiting_samples() > self._patience_samples:
            delivered += self._over_the_gap()
        return delivered

    def give_up(self, now_us: int) -> list[AnyChunk]:
        """Deliver what has waited enough; the holes before it become gaps."""
        delivered: list[AnyChunk] = []
        while (due_us := self.due_us) is not None and due_us < now_us:
            since_us = due_us - REORDER_WAIT_US
            while any(waiting.since_us == since_us for waiting in self._waiting):
                delivered += self._over_the_gap()
        return delivered

    def flush(self) -> list[AnyChunk]:
        """Deliver all that waits: nothing more comes."""
        delivered: list[AnyChunk] = []
        while self._waiting:
            delivered += self._over_the_gap()
        return delivered

    def _over_the_gap(self) -> list[AnyChunk]:
        beyond = self._waiting[0].first_sample
        if self._has_begun:  # before the beginning nothing was ever asked for
            self._gaps.append((self.next_sample, beyond))
        self._has_begun = True
        self.next_sample = beyond
        return self._contiguous()

    def _waiting_samples(self) -> int:
        return sum(waiting.chunk.end_sample - waiting.first_sample for waiting in self._waiting)

    def _contiguous(self) -> list[AnyChunk]:
        ready = 0
        for first_sample, _, _, chunk in self._waiting:
            if first_sample != self.next_sample:
                break
            self.next_sample = chunk.end_sample
            ready += 1
        delivered = [waiting.chunk for waiting in self._waiting[:ready]]
        del self._waiting[:ready]
        return delivered


def _position(waiting: _Waiting[AnyChunk]) -> int:
    return waiting.first_sample
