"""What a device still holds of its sound, and what of it goes out when, on which lane.

The rules of the wire for whoever sends, and nothing else: no clock, no sound, no transport. A
PUBACK plays no part in them; only the bridge's ``ack`` frees memory.
"""

from collections import deque
from itertools import takewhile

from ingest.chunk import (
    DEVICE_BUFFER_S,
    HISTORY_AFTER_S,
    HOLE_AFTER_S,
    RESEND_AFTER_SILENCE_S,
    Lane,
)
from models.contract import PIPELINE_GRID

# Both waits double while nothing changes: an outage of the bridge or of Kafka must not multiply
# the load that it leaves behind.
LONGEST_WAIT_S = 80.0
# How much faster than real time a device catches up at most.
CHUNKS_PER_STEP = 8
# By then the bridge has stored a piece of history, or will never; until then it can be repeated.
_SETTLED_S = 30.0
_SECOND_US = 1_000_000


class Recorded:
    """One chunk of a boot as it was recorded; `sent_us` is when it went out last."""

    __slots__ = ("captured_at_us", "encoded", "end", "first", "recorded_us", "sent_us", "seq")

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
        self.sent_us: int | None = None


class _History:
    """The stretch that goes over the history lane, from one sample up to another."""

    __slots__ = ("first", "next_seq", "sent_us", "until")

    def __init__(self, first: int, until: int, next_seq: int, now_us: int) -> None:
        self.first = first
        self.until = until
        self.next_seq = next_seq
        self.sent_us = now_us


class Outbox:
    """The buffer of one boot: at most ten minutes of sound, freed by acknowledgements.

    It sends each chunk once, in order, as soon as there is a connection. Beyond that

    - after a reconnect, or when no ack came for 10 s, again all that is not acknowledged;
    - when acks come but stay for 5 s behind what was sent, the hole again, as history;
    - what is older than 30 s as history instead;

    history always with one window of sound before and after it, so that every window of the
    grid that touches it can be made of the history lane alone.

    Attributes
    ----------
    acknowledged_to
        The bridge has stored everything before this sample.
    lost
        Stretches (first, end) that fell out of the full buffer before they were acknowledged.
    sent, sent_again, sent_as_history
        Chunks that went out.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.acknowledged_to = 0
        self.recorded_to = 0
        self.lost: list[tuple[int, int]] = []
        self.sent = self.sent_again = self.sent_as_history = 0
        self._capacity = int(DEVICE_BUFFER_S * sample_rate_hz)
        self._window = PIPELINE_GRID.at(sample_rate_hz).window_samples
        self._kept: deque[Recorded] = deque()
        self._live_seq = 0
        self._history: _History | None = None
        self._heard_us = self._advanced_us = 0
        self._silence_s, self._stuck_s = RESEND_AFTER_SILENCE_S, HOLE_AFTER_S

    @property
    def kept_from(self) -> int:
        """Everything before this sample is acknowledged or gone for good."""
        return max(self.acknowledged_to, self.lost[-1][1] if self.lost else 0)

    @property
    def fill_fraction(self) -> float:
        """How much of the buffer waits for an acknowledgement."""
        return min(1.0, (self.recorded_to - self.kept_from) / self._capacity)

    def keep(self, chunk: Recorded) -> None:
        """Take in the next chunk; the oldest give way when ten minutes are full."""
        self._kept.append(chunk)
        self.recorded_to = chunk.end
        self._forget()

    def on_connected(self, now_us: int) -> None:
        """Begin again at the last acknowledgement: nobody knows what of the rest arrived."""
        self._heard_us = now_us
        self._silence_s, self._stuck_s = RESEND_AFTER_SILENCE_S, HOLE_AFTER_S
        self._begin_again()

    def on_ack(self, stored_to_sample: int, now_us: int) -> None:
        """Hear the bridge; a position that was never sent is ignored."""
        if not self._was_sent(stored_to_sample):
            return
        self._heard_us = now_us
        self._silence_s = RESEND_AFTER_SILENCE_S
        if stored_to_sample > self.acknowledged_to:
            self.acknowledged_to = stored_to_sample
            self._advanced_us = now_us
            self._stuck_s = HOLE_AFTER_S
            self._forget()
        else:
            self._mend_hole(now_us)

    def due(self, now_us: int) -> list[tuple[Lane, Recorded]]:
        """What goes out now, fresh sound first; asked once per chunk while connected."""
        self._break_silence(now_us)
        self._set_aside_old(now_us)
        live = self._due_live(now_us)
        return live + self._due_history(now_us, CHUNKS_PER_STEP - len(live))

    def _due_live(self, now_us: int) -> list[tuple[Lane, Recorded]]:
        batch: list[tuple[Lane, Recorded]] = []
        while len(batch) < CHUNKS_PER_STEP and (chunk := self._chunk(self._live_seq)):
            self._live_seq = chunk.seq + 1
            if chunk.end <= self.acknowledged_to:
                continue
            if chunk.sent_us is None:
                self.sent += 1
            else:
                self.sent_again += 1
            chunk.sent_us = now_us
            batch.append((Lane.AUDIO, chunk))
        return batch

    def _due_history(self, now_us: int, room: int) -> list[tuple[Lane, Recorded]]:
        batch: list[tuple[Lane, Recorded]] = []
        history = self._history
        while history and len(batch) < room and (chunk := self._chunk(history.next_seq)):
            if chunk.first >= history.until:
                self._let_settle(history, now_us)
                break
            history.next_seq = chunk.seq + 1
            history.sent_us = chunk.sent_us = now_us
            self.sent_as_history += 1
            batch.append((Lane.HISTORY, chunk))
        return batch

    def _let_settle(self, history: _History, now_us: int) -> None:
        acknowledged = self.acknowledged_to >= history.until
        if acknowledged and now_us - history.sent_us > _SETTLED_S * _SECOND_US:
            self._history = None
            self._forget()

    def _begin_again(self) -> None:
        oldest = self._oldest_unacknowledged()
        if oldest is not None:
            self._live_seq = min(self._live_seq, oldest.seq)
        if self._history is not None:
            self._history.next_seq = self._seq_from(self._history.first)

    def _break_silence(self, now_us: int) -> None:
        oldest = self._oldest_unacknowledged()
        if oldest is None or oldest.sent_us is None:
            return
        if now_us - max(self._heard_us, oldest.sent_us) > self._silence_s * _SECOND_US:
            self._silence_s = min(2 * self._silence_s, LONGEST_WAIT_S)
            self._begin_again()

    def _mend_hole(self, now_us: int) -> None:
        oldest = self._oldest_unacknowledged()
        if oldest is None or oldest.sent_us is None or self._history_is_pending():
            return
        if now_us - max(self._advanced_us, oldest.sent_us) > self._stuck_s * _SECOND_US:
            self._stuck_s = min(2 * self._stuck_s, LONGEST_WAIT_S)
            end = oldest.end
            while (chunk := self._chunk_at(end)) and _sent_before(
                chunk, now_us - HOLE_AFTER_S * _SECOND_US
            ):
                end = chunk.end
            self._send_as_history(oldest.first, end, now_us)

    def _set_aside_old(self, now_us: int) -> None:
        first = end = None
        while (chunk := self._chunk(self._live_seq)) and (
            chunk.recorded_us < now_us - HISTORY_AFTER_S * _SECOND_US
        ):
            self._live_seq = chunk.seq + 1
            if chunk.end > self.acknowledged_to:
                first = chunk.first if first is None else first
                end = chunk.end
        if first is not None and end is not None:
            self._send_as_history(first, end, now_us)

    def _send_as_history(self, first: int, end: int, now_us: int) -> None:
        """Add a stretch, and a window on both sides of it, to what goes out as history."""
        first, until = max(0, first - self._window), end + self._window
        history = self._history
        if history is None:
            self._history = _History(first, until, self._seq_from(first), now_us)
            return
        if first < history.first or not self._history_is_pending():
            history.next_seq = self._seq_from(first)
        history.first = min(history.first, first)
        history.until = max(history.until, until)

    def _history_is_pending(self) -> bool:
        history = self._history
        if history is None:
            return False
        chunk = self._chunk(history.next_seq)
        return chunk is not None and chunk.first < history.until

    def _forget(self) -> None:
        """Drop what no rule can ask for again, and what ten minutes cannot hold."""
        settled = self.acknowledged_to - self._window
        if self._history is not None:
            settled = min(settled, self._history.first)
        kept = self._kept
        while kept and (
            kept[0].end <= settled or self.recorded_to - kept[0].first > self._capacity
        ):
            gone = kept.popleft()
            if gone.end > self.acknowledged_to:
                self._lose(max(gone.first, self.acknowledged_to), gone.end)

    def _lose(self, first: int, end: int) -> None:
        if self.lost and self.lost[-1][1] == first:
            first = self.lost.pop()[0]
        self.lost.append((first, end))

    def _was_sent(self, until: int) -> bool:
        before = takewhile(lambda chunk: chunk.first < until, self._kept)
        return until <= self.recorded_to and all(chunk.sent_us is not None for chunk in before)

    def _oldest_unacknowledged(self) -> Recorded | None:
        return self._chunk_at(self.acknowledged_to)

    def _chunk(self, seq: int) -> Recorded | None:
        """Chunk number `seq`, the oldest kept when that one is gone, None when still to come."""
        if not self._kept:
            return None
        index = max(0, seq - self._kept[0].seq)
        return self._kept[index] if index < len(self._kept) else None

    def _chunk_at(self, sample: int) -> Recorded | None:
        """The oldest chunk kept that ends after a sample."""
        return self._chunk(self._seq_from(sample)) if sample < self.recorded_to else None

    def _seq_from(self, sample: int) -> int:
        return self._kept[0].seq + sum(
            1 for _ in takewhile(lambda chunk: chunk.end <= sample, self._kept)
        )


def _sent_before(chunk: Recorded, moment_us: float) -> bool:
    return chunk.sent_us is not None and chunk.sent_us <= moment_us
