"""One lane: the sound of one device from one power-up, put in order and cut into windows."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from models.contract import PIPELINE_GRID
from stream_processors.arrivals import Arrival, LaneKey
from stream_processors.reorder import REORDER_WAIT_US, SILENCE_US, Departure, Refusal, Reorder
from stream_processors.windows import Window, WindowCutter


class Step(NamedTuple):
    """What one chunk, or time, brought about.

    Attributes
    ----------
    windows
        Completed, in order.
    released
        Chunks that no later window needs.
    refusal
        Why the chunk was not taken, if it was not.
    no_start_after
        None where the chunk came in its place. Otherwise who began to read behind this offset,
        at this chunk or before it, would not know what the chunk repeats or was overtaken by.
    overlap
        Of a conflict, the first sample that had come before, and the end of those.
    """

    windows: list[Window]
    released: list[Arrival]
    refusal: Refusal | None = None
    no_start_after: int | None = None
    overlap: tuple[int, int] | None = None


class Lane:
    """Begins with its first chunk and ends by silence, a jump or, as history, a return.

    Who begins to read at a chunk waits for what may lie before it. So no reader may begin where
    within that wait a chunk comes again: it would take for news what this one refuses.

    Attributes
    ----------
    settled_offset
        The lane's latest chunk that nobody who begins at it would still wait before; its first
        one, while there is none.
    """

    def __init__(self, key: LaneKey, first: Arrival, now_us: int) -> None:
        self.key = key
        self.settled_offset = first.offset
        self._reorder: Reorder[Arrival] = Reorder(first.first_sample, key.sample_rate_hz)
        self._cutter = WindowCutter(key, PIPELINE_GRID.at(key.sample_rate_hz))
        self._taken_at_us = now_us
        self._last_offset = first.offset
        self._recent: deque[tuple[int, int]] = deque()  # (time, offset) of the last 2 s

    @property
    def due_us(self) -> int:
        """When time alone changes something."""
        silent_us = self._taken_at_us + SILENCE_US
        waiting_us = self._reorder.due_us
        return silent_us if waiting_us is None else min(silent_us, waiting_us)

    def is_silent(self, now_us: int) -> bool:
        return now_us > self._taken_at_us + SILENCE_US

    def departure(self, arrival: Arrival, *, history: bool) -> Departure | None:
        """Whether a chunk is none of this lane's, but begins another one."""
        return self._reorder.departure(arrival, history=history)

    def step(self, arrival: Arrival, now_us: int) -> Step:
        self.settle(now_us)
        after_offset, self._last_offset = self._last_offset, arrival.offset
        self._recent.append((now_us, arrival.offset))
        refusal = self._reorder.refusal(arrival)
        if refusal is not None:
            in_conflict = refusal is Refusal.CONFLICT
            overlap = self._reorder.overlap(arrival) if in_conflict else None
            return Step([], [], refusal, self.settled_offset, overlap)
        overtaken_after = self._reorder.overtaken_after(arrival)
        self._taken_at_us = now_us
        delivered = self._reorder.step(arrival, now_us, after_offset=after_offset)
        return Step(*self._cut(delivered), None, overtaken_after)

    def settle(self, now_us: int) -> None:
        """Move `settled_offset` on."""
        while self._recent and self._recent[0][0] + REORDER_WAIT_US < now_us:
            _, self.settled_offset = self._recent.popleft()

    def give_up_waiting(self, now_us: int) -> Step:
        return Step(*self._cut(self._reorder.give_up(now_us)))

    def finish(self) -> Step:
        """Nothing more comes: the windows that have begun are filled with silence."""
        windows, released = self._cut(self._reorder.flush())
        windows += self._cutter.finish()
        return Step(windows, released + self._cutter.release_all())

    def snapshot(self) -> tuple[LaneKey, int, int]:
        """What it would begin with again: its key, the next sample and the next window."""
        return self.key, self._reorder.next_sample, self._cutter.next_window

    def _cut(self, delivered: Iterable[Arrival]) -> tuple[list[Window], list[Arrival]]:
        windows: list[Window] = []
        for arrival in delivered:
            windows += self._cutter.step(arrival)
        return windows, self._cutter.release(up_to_offset=self.settled_offset)
