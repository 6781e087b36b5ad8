"""From a device's chunks to windows on its own grid: hop-long blocks, each with its pre-roll.

Window k covers samples [k hops, k hops + one window) since power-up and is blocks k and k + 1; a
block needs its own hop and the pre-roll before it, at the device's own rate. What no chunk gave
is silence.

      chunks      |--a--|--b--|--c--|     |--e--|--f--|        (d never came)
      blocks   ..[ 0        ][ 1        ][ 2        ]
      windows    [ 0                    ]
                             [ 1                    ]
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from models.contract import Grid
from models.quality_indices import Levels
from stream_processors.arrivals import Arrival, LaneKey


class Block:
    """One hop of sound, shared by the two windows that it is part of.

    Attributes
    ----------
    raw
        Shape (pre-roll + `hop_samples`,), int16, at the device's rate.
    missing, preroll_missing
        What no chunk gave of the hop, and of the pre-roll, as a share of a hop.
    finished
        Whether `finish` has given the block its filtered sound and its levels.
    """

    __slots__ = (
        "filtered",
        "finished",
        "hop_samples",
        "levels",
        "missing",
        "preroll_missing",
        "raw",
        "sample_rate_hz",
    )

    filtered: npt.NDArray[np.float32]
    levels: Levels

    def __init__(
        self,
        raw: npt.NDArray[np.int16],
        *,
        hop_samples: int,
        missing: float,
        preroll_missing: float,
        sample_rate_hz: int,
    ) -> None:
        self.raw = raw
        self.hop_samples = hop_samples
        self.missing = missing
        self.preroll_missing = preroll_missing
        self.sample_rate_hz = sample_rate_hz
        self.finished = False

    @property
    def own(self) -> npt.NDArray[np.int16]:
        """The hop itself, without the pre-roll: shape (`hop_samples`,)."""
        return self.raw[-self.hop_samples :]

    def finish(self, filtered: npt.NDArray[np.float32], levels: Levels) -> None:
        """Keep what the filter made of `raw`, shape (hop of the pipeline's grid,), measured."""
        self.filtered = filtered
        self.levels = levels
        self.finished = True


class Window:
    """One window, ready to be judged and classified.

    Attributes
    ----------
    start_sample
        Of the window itself, since power-up; its pre-roll lies before.
    arrivals
        The chunks that it has sound of, in the order of their positions.
    oldest_offset
        From here on the log must be read to make this window again.
    """

    __slots__ = ("arrivals", "earlier", "index", "key", "later", "oldest_offset", "start_sample")

    def __init__(
        self,
        key: LaneKey,
        index: int,
        start_sample: int,
        blocks: tuple[Block, Block],
        arrivals: tuple[Arrival, ...],
        oldest_offset: int,
    ) -> None:
        self.key = key
        self.index = index
        self.start_sample = start_sample
        self.earlier, self.later = blocks
        self.arrivals = arrivals
        self.oldest_offset = oldest_offset

    @property
    def latest(self) -> Arrival:
        """The chunk that the bridge received last."""
        return max(self.arrivals, key=lambda each: (each.received_at_us, each.end_sample))

    @property
    def gap_fraction(self) -> float:
        """Never 0 where the pre-roll has a gap: the filter carries that into the window."""
        missing = self.earlier.missing + self.later.missing
        return max(missing, self.earlier.preroll_missing) / 2


class WindowCutter:
    """Cuts one device's chunks, which come in the order of their positions.

    The first window is the first one whose pre-roll begins with the first chunk or later. Only at
    power-up, position 0, silence goes before: nobody can have missed anything there.
    """

    def __init__(self, key: LaneKey, grid: Grid) -> None:
        self._key = key
        self._hop = grid.hop_samples
        self._preroll = grid.preroll_samples
        self._next = 0
        self._earlier: Block | None = None
        self._held: deque[Arrival] = deque()
        self._end: int | None = None

    @property
    def next_window(self) -> int:
        return self._next

    def step(self, arrival: Arrival) -> list[Window]:
        """Take the next chunk; return the windows that it completes."""
        if self._end is None and arrival.first_sample:
            self._next = -(-(arrival.first_sample + self._preroll) // self._hop)
        self._held.append(arrival)
        self._end = arrival.end_sample
        windows = []
        while (self._next + 2) * self._hop <= self._end:
            windows.append(self._cut())
        return windows

    def finish(self) -> list[Window]:
        """The windows that have begun and that nothing will complete."""
        windows = []
        while self._end is not None and self._next * self._hop < self._end:
            windows.append(self._cut())
        return windows

    def release(self, *, up_to_offset: int) -> list[Arrival]:
        """Let go of the chunks that no later window needs; the first that stays is not later.

        A chunk reaches to the next one: whoever begins to read behind it would not know that the
        gap in between is one.
        """
        needed_from = self._next * self._hop - self._preroll
        released = []
        while len(self._held) > 1 and self._held[1].first_sample <= needed_from:
            if self._held[1].offset > up_to_offset:
                break
            released.append(self._held.popleft())
        return released

    def release_all(self) -> list[Arrival]:
        """Let go of everything: there will be no later window."""
        released = list(self._held)
        self._held.clear()
        return released

    def _cut(self) -> Window:
        index = self._next
        earlier = self._earlier or self._block(index)
        later = self._block(index + 1)
        start = index * self._hop
        end = start + 2 * self._hop
        sounding = tuple(a for a in self._held if a.end_sample > start and a.first_sample < end)
        oldest_offset = min(arrival.offset for arrival in self._held)
        self._earlier = later
        self._next += 1
        return Window(self._key, index, start, (earlier, later), sounding, oldest_offset)

    def _block(self, index: int) -> Block:
        start = index * self._hop - self._preroll
        length = self._preroll + self._hop
        raw = np.zeros(length, np.int16)
        present = 0
        preroll_present = max(0, -start)  # silence before power-up
        for arrival in self._held:
            first = max(arrival.first_sample - start, 0)
            end = min(arrival.end_sample - start, length)
            if first < end:
                skipped = start - arrival.first_sample
                raw[first:end] = arrival.samples[first + skipped : end + skipped]
                present += max(0, end - max(first, self._preroll))
                preroll_present += max(0, min(end, self._preroll) - first)
        return Block(
            raw,
            hop_samples=self._hop,
            missing=1 - present / self._hop,
            preroll_missing=(self._preroll - preroll_present) / self._hop,
            sample_rate_hz=self._key.sample_rate_hz,
        )
