"""The sound that a device keeps until it is acknowledged: at most ten minutes of it."""

from collections import deque
from itertools import takewhile

from ingest.chunk import DEVICE_BUFFER_S, Lane


class Recorded:
    """One chunk of a boot as it was recorded.

    It went out first at `first_sent_us`, last at `sent_us`, and last as history at `history_us`.
    """

    __slots__ = (
        "captured_at_us",
        "encoded",
        "end",
        "first",
        "first_sent_us",
        "history_us",
        "recorded_us",
        "sent_us",
        "seq",
    )

    def __init__(
        self,
        *,
        seq: int,
        first: int,
        end: int,
        captured_at_us: int,
        recorded_us: int,
        encoded: bytes,
    ) -> None:
        self.seq = seq
        self.first = first
        self.end = end
        self.captured_at_us = captured_at_us
        self.recorded_us = recorded_us
        self.encoded = encoded
        self.first_sent_us: int | None = None
        self.sent_us: int | None = None
        self.history_us: int | None = None

    def goes_out(self, lane: Lane, now_us: int) -> None:
        """Note that it is sent."""
        self.sent_us = now_us
        if self.first_sent_us is None:
            self.first_sent_us = now_us
        if lane is Lane.HISTORY:
            self.history_us = now_us


class SoundBuffer:
    """The latest chunks of one boot, in order.

    Attributes
    ----------
    acknowledged_to
        The bridge has stored everything before this sample.
    recorded_to
        End of the latest chunk.
    lost
        Stretches (first, end) that gave way to newer sound before they were acknowledged.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.acknowledged_to = 0
        self.recorded_to = 0
        self.lost: list[tuple[int, int]] = []
        self._capacity = int(DEVICE_BUFFER_S * sample_rate_hz)
        self._chunks: deque[Recorded] = deque()

    @property
    def kept_from(self) -> int:
        """Everything before this sample is acknowledged or gone for good."""
        return max(self.acknowledged_to, self.lost[-1][1] if self.lost else 0)

    @property
    def fill_fraction(self) -> float:
        """How much of the buffer waits for an acknowledgement."""
        return min(1.0, (self.recorded_to - self.kept_from) / self._capacity)

    @property
    def span(self) -> int:
        """Samples from the oldest chunk kept to the latest."""
        return self.recorded_to - self._chunks[0].first if self._chunks else 0

    def append(self, chunk: Recorded) -> None:
        """Take in the next chunk; the oldest give way when ten minutes are full."""
        self._chunks.append(chunk)
        self.recorded_to = chunk.end
        while self.span > self._capacity:
            self._give_up(self._chunks.popleft())

    def acknowledge(self, sample: int) -> int:
        """Move the acknowledged position on.

        Returns
        -------
        int
            When the latest of the chunks that are acknowledged now was sent first: all that was
            sent before has arrived by now, or is lost.
        """
        moments_us = [
            chunk.first_sent_us or 0
            for chunk in takewhile(lambda chunk: chunk.end <= sample, self._chunks)
            if chunk.end > self.acknowledged_to
        ]
        self.acknowledged_to = sample
        return max(moments_us, default=0)

    def forget_before(self, sample: int) -> None:
        """Drop the chunks that end before or at a sample."""
        while self._chunks and self._chunks[0].end <= sample:
            self._chunks.popleft()

    def chunk(self, seq: int) -> Recorded | None:
        """Chunk number `seq`, the oldest kept when that one is gone, None when still to come."""
        if not self._chunks:
            return None
        index = max(0, seq - self._chunks[0].seq)
        return self._chunks[index] if index < len(self._chunks) else None

    def chunk_at(self, sample: int) -> Recorded | None:
        """The oldest chunk kept that ends after a sample."""
        return next((chunk for chunk in self._chunks if chunk.end > sample), None)

    def seq_at(self, sample: int) -> int:
        """Number of that chunk, or of the next to be recorded."""
        chunk = self.chunk_at(sample)
        if chunk is not None:
            return chunk.seq
        return self._chunks[-1].seq + 1 if self._chunks else 0

    def was_sent_until(self, sample: int) -> bool:
        """Whether the device can have been heard up to a sample."""
        before = takewhile(lambda chunk: chunk.first < sample, self._chunks)
        return sample <= self.recorded_to and all(chunk.sent_us is not None for chunk in before)

    def _give_up(self, gone: Recorded) -> None:
        first = max(gone.first, self.acknowledged_to)
        if first >= gone.end:
            return
        if self.lost and self.lost[-1][1] == first:
            first = self.lost.pop()[0]
        self.lost.append((first, gone.end))
