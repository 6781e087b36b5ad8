"""Which windows have been seen, kept as intervals: a shift of a whole ward stays small."""

from bisect import bisect_right


class _Seen:
    """A set of whole numbers as sorted, separate, half-open intervals."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._ends[at]

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def add(self, number: int) -> None:
        if number in self:
            return
        at = bisect_right(self._starts, number)
        joins_left = at > 0 and self._ends[at - 1] == number
        joins_right = at < len(self._starts) and self._starts[at] == number + 1
        if joins_left and joins_right:
            del self._starts[at]
            self._ends[at - 1] = self._ends.pop(at)
        elif joins_left:
            self._ends[at - 1] = number + 1
        elif joins_right:
            self._starts[at] = number
        else:
            self._starts.insert(at, number)
            self._ends.insert(at, number + 1)

    def holes(self) -> int:
        """Numbers between the first and the last that are not in the set."""
        return self._ends[-1] - self._starts[0] - len(self) if self._starts else 0


class WindowLedger:
    """Windows by identity: (device_id, boot_id, window_index)."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], _Seen] = {}
        self.doubled = 0

    def __contains__(self, identity: tuple[str, int, int]) -> bool:
        device_id, boot_id, index = identity
        return index in self._seen.get((device_id, boot_id), ())

    def __len__(self) -> int:
        return sum(map(len, self._seen.values()))

    def add(self, identity: tuple[str, int, int]) -> bool:
        """Note a window; False when it has been seen before."""
        if identity in self:
            self.doubled += 1
            return False
        device_id, boot_id, index = identity
        self._seen.setdefault((device_id, boot_id), _Seen()).add(index)
        return True

    def missing(self) -> int:
        """Windows that were skipped: later ones of the same device are here, they are not."""
        return sum(seen.holes() for seen in self._seen.values())
