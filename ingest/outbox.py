"""What of its sound a device sends, when, again when, and on which lane.

The rules of the wire for whoever sends, and nothing else: no clock, no sound, no transport. A
PUBACK plays no part in them; only the bridge's ``ack`` frees memory.
"""

from ingest.chunk import (
    HISTORY_AFTER_S,
    HISTORY_OVERLAP_S,
    HOLE_AFTER_S,
    LIVE_WAIT_S,
    RESEND_AFTER_SILENCE_S,
    Lane,
)
from ingest.sound_buffer import Recorded, SoundBuffer

# Both waits double while nothing changes: an outage of the bridge or of Kafka must not multiply
# the load that it leaves behind.
LONGEST_WAIT_S = 80.0
# How much faster than real time a device catches up at most.
CHUNKS_PER_STEP = 8
_SECOND_US = 1_000_000


class _History:
    """What goes over the history lane: the sound up to `end`, and after it up to `until`.

    From `first` on it may have to go again. What comes after `end` is there for the windows that
    touch it, and waits until it is acknowledged itself: where it is not, it is a hole of its own
    and needs its own overlap.
    """

    __slots__ = ("end", "first", "next_seq", "until")

    def __init__(self, first: int, end: int, until: int, next_seq: int) -> None:
        self.first = first
        self.end = end
        self.until = until
        self.next_seq = next_seq


class Outbox:
    """One boot's sending: each chunk once, in order, as soon as there is a connection.

    Beyond that

    - after a reconnect, or when no ack came for 10 s, again all that is not acknowledged, in order;
    - after a reconnect, as history too, what acks had passed over before the connection broke: the
      live lane may have gone on without it;
    - when acks come but stay for 5 s behind what was sent, the hole again, as history;
    - what is older than 30 s as history instead;

    history always with what one window is made of, its pre-roll included, before and after it:
    so every window of the grid that it touches can be made of this lane alone.

    Attributes
    ----------
    buffer
        What is kept.
    sent, sent_again, sent_as_history
        Chunks that went out.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.buffer = SoundBuffer(sample_rate_hz)
        self.sent = self.sent_again = self.sent_as_history = 0
        self._overlap = round(HISTORY_OVERLAP_S * sample_rate_hz)
        self._live_seq = 0
        self._history: _History | None = None
        self._heard_us = self._advanced_us = self._arrived_us = self._stood_still_us = 0
        self._silence_s, self._stuck_s = RESEND_AFTER_SILENCE_S, HOLE_AFTER_S

    @property
    def is_sending_history(self) -> bool:
        """Whether recorded sound still has to go out as history."""
        return self._history is not None and self._next_of(self._history) is not None

    def keep(self, chunk: Recorded) -> None:
        """Take in the next chunk."""
        self.buffer.append(chunk)

    def on_connected(self, now_us: int) -> None:
        """Begin again at the last acknowledgement: nobody knows what of the rest arrived."""
        self._heard_us = now_us
        self._silence_s, self._stuck_s = RESEND_AFTER_SILENCE_S, HOLE_AFTER_S
        self._begin_again()
        self._mend_what_was_passed_over()

    def on_ack(self, stored_to_sample: int, now_us: int) -> None:
        """Hear the bridge; a position that was never sent is ignored."""
        if not self.buffer.was_sent_until(stored_to_sample):
            return
        self._heard_us = now_us
        self._silence_s = RESEND_AFTER_SILENCE_S
        if stored_to_sample > self.buffer.acknowledged_to:
            self._arrived_us = max(self._arrived_us, self.buffer.acknowledge(stored_to_sample))
            self._advanced_us = now_us
            self._stuck_s = HOLE_AFTER_S
            self._forget()
        else:
            self._stood_still_us = now_us
            self._mend_hole(now_us)

    def due(self, now_us: int) -> list[tuple[Lane, Recorded]]:
        """What goes out now, fresh sound first; asked once per chunk while connected."""
        self._break_silence(now_us)
        self._set_aside_old(now_us)
        self._settle_history()
        live = self._due_live(now_us)
        return live + self._due_history(now_us, CHUNKS_PER_STEP - len(live))

    def _due_live(self, now_us: int) -> list[tuple[Lane, Recorded]]:
        batch: list[tuple[Lane, Recorded]] = []
        while len(batch) < CHUNKS_PER_STEP and (chunk := self.buffer.chunk(self._live_seq)):
            self._live_seq = chunk.seq + 1
            if chunk.end <= self.buffer.acknowledged_to:
                continue
            if chunk.sent_us is None:
                self.sent += 1
            else:
                self.sent_again += 1
            chunk.goes_out(Lane.AUDIO, now_us)
            batch.append((Lane.AUDIO, chunk))
        return batch

    def _due_history(self, now_us: int, room: int) -> list[tuple[Lane, Recorded]]:
        batch: list[tuple[Lane, Recorded]] = []
        while self._history and len(batch) < room and (chunk := self._next_of(self._history)):
            self._history.next_seq = chunk.seq + 1
            self.sent_as_history += 1
            chunk.goes_out(Lane.HISTORY, now_us)
            batch.append((Lane.HISTORY, chunk))
        return batch

    def _next_of(self, history: _History) -> Recorded | None:
        chunk = self.buffer.chunk(history.next_seq)
        if chunk is None or chunk.first >= history.until:
            return None
        is_due = chunk.first < history.end or chunk.end <= self.buffer.acknowledged_to
        return chunk if is_due else None

    def _oldest_unacknowledged(self) -> Recorded | None:
        return self.buffer.chunk_at(self.buffer.acknowledged_to)

    def _begin_again(self) -> None:
        oldest = self._oldest_unacknowledged()
        if oldest is not None:
            self._live_seq = min(self._live_seq, oldest.seq)
        if self._history is not None:
            self._history.next_seq = self.buffer.seq_at(self._history.first)

    def _break_silence(self, now_us: int) -> None:
        oldest = self._oldest_unacknowledged()
        if oldest is None or oldest.sent_us is None:
            return
        if now_us - max(self._heard_us, oldest.sent_us) > self._silence_s * _SECOND_US:
            self._silence_s = min(2 * self._silence_s, LONGEST_WAIT_S)
            self._begin_again()

    def _mend_hole(self, now_us: int) -> None:
        """Send again what had time to be acknowledged, unless history is under way already.

        That it went again on the live lane meanwhile is no reason to wait: where the lane had gone
        on without it, only history is acknowledged.
        """
        oldest = self._oldest_unacknowledged()
        if oldest is None or oldest.first_sent_us is None or self.is_sending_history:
            return
        since_us = max(self._advanced_us, oldest.first_sent_us, oldest.history_us or 0)
        if now_us - since_us > self._stuck_s * _SECOND_US:
            self._stuck_s = min(2 * self._stuck_s, LONGEST_WAIT_S)
            self._send_as_history_if_sent_by(now_us - round(HOLE_AFTER_S * _SECOND_US))

    def _mend_what_was_passed_over(self) -> None:
        """Send as history what an ack left out though its lane waited for it no more.

        What went out after that ack, or just before, goes again in order alone: it was lost with
        the connection, and so was all that came after it.
        """
        self._send_as_history_if_sent_by(self._stood_still_us - round(LIVE_WAIT_S * _SECOND_US))

    def _send_as_history_if_sent_by(self, by_us: int) -> None:
        """Send again the first stretch without an ack, as far as it went out by this time."""
        first = end = self.buffer.acknowledged_to
        chunk = self.buffer.chunk_at(end)
        while chunk and chunk.first_sent_us is not None and chunk.first_sent_us <= by_us:
            end, chunk = chunk.end, self.buffer.chunk(chunk.seq + 1)
        if end > first:
            self._send_as_history(first, end)

    def _set_aside_old(self, now_us: int) -> None:
        """Take from the live lane what is too old for it."""
        first = end = None
        while (chunk := self.buffer.chunk(self._live_seq)) and (
            now_us - chunk.recorded_us > HISTORY_AFTER_S * _SECOND_US
        ):
            self._live_seq = chunk.seq + 1
            if chunk.end > self.buffer.acknowledged_to:
                first = chunk.first if first is None else first
                end = chunk.end
        if first is not None and end is not None:
            self._send_as_history(first, end)

    def _send_as_history(self, first: int, end: int) -> None:
        """Add a stretch, and the overlap on both sides of it, to what goes out as history."""
        first, until = max(0, first - self._overlap), end + self._overlap
        history = self._history
        if history is None:
            self._history = _History(first, end, until, self.buffer.seq_at(first))
            return
        if first < history.first or not self.is_sending_history:
            history.next_seq = self.buffer.seq_at(first)
        history.first = min(history.first, first)
        history.end = max(history.end, end)
        history.until = max(history.until, until)

    def _settle_history(self) -> None:
        """Move on behind what has arrived, and need not go again if the connection is lost."""
        history = self._history
        while history and (chunk := self.buffer.chunk_at(history.first)):
            if chunk.first >= history.until:
                self._history = history = None
            elif chunk.seq < history.next_seq and (chunk.history_us or 0) < self._arrived_us:
                history.first = chunk.end
            else:
                break
        self._forget()

    def _forget(self) -> None:
        """Drop what no rule can ask for again."""
        settled = self.buffer.acknowledged_to - self._overlap
        if self._history is not None:
            settled = min(settled, self._history.first)
        self.buffer.forget_before(settled)
