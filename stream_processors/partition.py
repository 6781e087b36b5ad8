"""Everything about one partition of an audio topic, on one object: a rebalance drops it whole.

The same records give the same windows, whoever reads them, how often, and from whatever offset
that this object named as committable. Its only clock is the bridge's in the records.
"""

from dataclasses import dataclass, fields
from heapq import heappop, heappush
from typing import NamedTuple

from models.errors import BadInputError
from stream_processors.arrivals import Arrival, LaneKey, LogRecord, read_arrival
from stream_processors.conflicts import Conflicts
from stream_processors.lanes import Lane, Step
from stream_processors.offsets import OffsetGate
from stream_processors.reorder import AwakeClock, Departure, Refusal
from stream_processors.windows import Window

LIVE_MAX_GAP = 0.5
# What the history lane lacks the live lane may have had. So history speaks only of what it has
# whole, and never puts a poorer window in the place of a better one.
HISTORY_MAX_GAP = 0.0


@dataclass(slots=True)
class Counters:
    """They only ever grow."""

    chunks: int = 0
    """Chunks taken or refused."""
    windows: int = 0
    """Windows cut and not withheld."""
    withheld: int = 0
    """Windows of which too much is missing."""
    gapped: int = 0
    """Windows, not withheld, of which something is missing."""
    duplicates: int = 0
    """Chunks whose samples had come before."""
    late: int = 0
    """Chunks that came after their place was given up."""
    conflicts: int = 0
    """Chunks that overlap another one in part."""
    jumps: int = 0
    """Times a device's position leapt ahead by more than 30 s."""
    returns: int = 0
    """Times a device's history began again further back."""
    silences: int = 0
    """Times a device had been silent for 30 s."""
    refused: int = 0
    """Records that are no chunk at all."""

    def count(self, what: Refusal | Departure) -> None:
        setattr(self, what.value, getattr(self, what.value) + 1)

    def add(self, other: "Counters") -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class Snapshot(NamedTuple):
    """How far a partition is, for people and tests."""

    next_offset: int
    committable: int
    log_us: int
    lanes: tuple[tuple[LaneKey, int, int], ...]


class Partition:
    """Takes records in the order of the log and gives windows; `settle` ends each of both.

    Attributes
    ----------
    history
        Whether it is of the lane for what could not be sent in time.
    objection
        Why the record that came last is a dead letter though it is a chunk: it contradicts
        another. Its offset is held until `settle`. None where there is nothing to tell.
    """

    def __init__(self, topic: str, number: int, *, history: bool) -> None:
        self.topic = topic
        self.number = number
        self.history = history
        self.counters = Counters()
        self.objection: str | None = None
        self._max_gap = HISTORY_MAX_GAP if history else LIVE_MAX_GAP
        self._gate = OffsetGate()
        self._lanes: dict[LaneKey, Lane] = {}
        self._timers: list[tuple[int, LaneKey]] = []
        self._timer_of: dict[LaneKey, int] = {}
        self._clock = AwakeClock()
        self._conflicts = Conflicts()

    @property
    def next_offset(self) -> int:
        return self._gate.next_offset

    def committable(self) -> int:
        """The offset from which a reader loses nothing and changes nothing."""
        return self._gate.committable()

    def step(self, record: LogRecord) -> list[Window]:
        """Take one record; return the windows that it, or the time that it brings, completes.

        Each window holds its part of the log until `settle`. A record that was taken before is
        passed over: Faust may go back to the commit within one assignment.

        Raises
        ------
        BadInputError
            If the record is no chunk. Its offset is held until `settle`.
        """
        self.objection = None
        if record.offset < self._gate.next_offset:
            return []
        self._gate.arrive(record.offset)
        try:
            key, arrival = read_arrival(record)
        except BadInputError:
            self.counters.refused += 1
            self._gate.hold(record.offset)
            raise
        self.counters.chunks += 1
        self._clock.move_to(arrival.received_at_us)
        return self._pass_time() + self._take(key, arrival)

    def settle(self, offset: int) -> None:
        """A window's result, or the dead letter of a refused record, is stored."""
        self._gate.release(offset)

    def snapshot(self) -> Snapshot:
        lanes = tuple(sorted(lane.snapshot() for lane in self._lanes.values()))
        return Snapshot(self.next_offset, self.committable(), self._clock.log_us, lanes)

    def _take(self, key: LaneKey, arrival: Arrival) -> list[Window]:
        lane, windows = self._lane_of(key, arrival)
        self._gate.hold(arrival.offset)
        step = lane.step(arrival, self._clock.awake_us)
        if step.no_start_after is not None:
            self._gate.forbid_start(after=step.no_start_after, last=arrival.offset)
        if step.refusal is not None:
            self.counters.count(step.refusal)
            if step.overlap is not None:
                self.objection = self._conflicts.reason(
                    key, arrival, step.overlap, self._clock.log_us
                )
            if self.objection is None:
                self._gate.release(arrival.offset)
        windows += self._account(step)
        self._set_timer(lane)
        return windows

    def _lane_of(self, key: LaneKey, arrival: Arrival) -> tuple[Lane, list[Window]]:
        """The chunk's lane, and the windows of the one that ends because another begins."""
        windows: list[Window] = []
        lane = self._lanes.get(key)
        if lane is not None:
            departure = lane.departure(arrival, history=self.history)
            if departure is None:
                return lane, windows
            self.counters.count(departure)
            lane.settle(self._clock.awake_us)
            self._gate.forbid_start(after=lane.settled_offset, last=arrival.offset - 1)
            windows = self._end(lane)
        lane = self._lanes[key] = Lane(key, arrival, self._clock.awake_us)
        return lane, windows

    def _pass_time(self) -> list[Window]:
        windows: list[Window] = []
        while self._timers and self._timers[0][0] < self._clock.awake_us:
            due_us, key = heappop(self._timers)
            if self._timer_of.get(key) == due_us:
                del self._timer_of[key]
                windows += self._timer_fired(self._lanes[key])
        return windows

    def _timer_fired(self, lane: Lane) -> list[Window]:
        if lane.is_silent(self._clock.awake_us):
            self.counters.silences += 1
            return self._end(lane)
        windows = self._account(lane.give_up_waiting(self._clock.awake_us))
        self._set_timer(lane)
        return windows

    def _set_timer(self, lane: Lane) -> None:
        """Keep one timer a lane, never later than needed; one that fires too soon is set again."""
        due_us = lane.due_us
        if due_us < self._timer_of.get(lane.key, due_us + 1):
            self._timer_of[lane.key] = due_us
            heappush(self._timers, (due_us, lane.key))

    def _end(self, lane: Lane) -> list[Window]:
        del self._lanes[lane.key]
        self._timer_of.pop(lane.key, None)
        return self._account(lane.finish())

    def _account(self, step: Step) -> list[Window]:
        windows = [window for window in step.windows if window.gap_fraction <= self._max_gap]
        self.counters.withheld += len(step.windows) - len(windows)
        self.counters.windows += len(windows)
        for window in windows:
            self.counters.gapped += window.gap_fraction > 0
            self._gate.hold(window.oldest_offset)
        for arrival in step.released:
            self._gate.release(arrival.offset)
        return windows
