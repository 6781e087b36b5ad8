"""Which offset of a partition may be committed: the latest from which nothing is lost or changed.

Faust can commit past a message that is still in flight when acks come out of order, and devices
interleave in a partition. So nothing is acked message by message: whatever still needs an offset
holds it, and the gate names the one offset before which all is finished.
"""


class OffsetGate:
    """Offsets arrive in order, are held and released in any order, and leave in order.

    Attributes
    ----------
    next_offset
        The first one that has not arrived.
    """

    def __init__(self) -> None:
        self.next_offset = 0
        self._holds: dict[int, int] = {}  # how often, by offset, ascending as they arrived
        self._no_start: list[tuple[int, int]] = []  # (after, last), ascending by the last one

    @property
    def held(self) -> int:
        """How many offsets are not finished."""
        return len(self._holds)

    def arrive(self, offset: int) -> None:
        self.next_offset = offset + 1

    def hold(self, offset: int) -> None:
        """Keep an offset: the one that arrived last, or one that is held already."""
        self._holds[offset] = self._holds.get(offset, 0) + 1

    def release(self, offset: int) -> None:
        """Take back one `hold`."""
        holds = self._holds[offset] - 1
        if holds:
            self._holds[offset] = holds
        else:
            del self._holds[offset]

    def forbid_start(self, *, after: int, last: int) -> None:
        """Let no reader begin at `after` + 1 up to `last`, the offset that arrived last.

        Somebody who read from there would see a chunk without one that came before it in the log
        and lies behind it in the sound, and would take a repetition for news.
        """
        self._no_start.append((after, last))

    def committable(self) -> int:
        """Where a reader may begin: all before is finished, and all from here on comes the same."""
        start = next(iter(self._holds), self.next_offset)
        for after, last in reversed(self._no_start):
            if after < start <= last:
                start = after
        self._no_start = [span for span in self._no_start if span[1] >= start]
        return start
