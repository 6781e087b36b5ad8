"""Which chunks that contradict others are told of: with what they overlap, and not without end.

A device that cuts its sound anew before it sends it again breaks the wire, and loses the sound of
every chunk that overlaps another in part: nothing is trimmed. Somebody shall see which. But a
whole fleet may do so in every chunk, and the first few of a device say all that there is to say.
"""

from stream_processors.arrivals import Arrival, LaneKey

MOST_TOLD = 10
PERIOD_US = 600_000_000


class Conflicts:
    """Tells of each chunk once, and of at most `MOST_TOLD` of a device in ten minutes of the log.

    The periods are those of the log's clock, and one that has passed is forgotten. So whoever
    begins to read anew tells of everything that the reader before would still have told of, and
    perhaps of some more.
    """

    def __init__(self) -> None:
        self._period = 0
        self._told: dict[str, set[tuple[int, int, int, int]]] = {}

    def reason(
        self, key: LaneKey, arrival: Arrival, overlap: tuple[int, int], log_us: int
    ) -> str | None:
        """Why a chunk is refused, for its dead letter; None if it is only to be counted.

        `overlap` are the first sample that had come before and the end of those, in the log at
        `log_us`.
        """
        if log_us // PERIOD_US != self._period:
            self._period = log_us // PERIOD_US
            self._told.clear()
        told = self._told.setdefault(key.device_id, set())
        chunk = (key.boot_id, key.sample_rate_hz, arrival.first_sample, arrival.end_sample)
        if chunk in told or len(told) >= MOST_TOLD:
            return None
        told.add(chunk)
        first, end = overlap
        reason = (
            f"the chunk of samples {arrival.first_sample} to {arrival.end_sample - 1} of boot "
            f"{key.boot_id} overlaps others in part: samples {first} to {end - 1} were taken or "
            "given up before. A chunk that is sent again must be cut as it was at first"
        )
        if len(told) == MOST_TOLD:
            reason += f" (the {MOST_TOLD}th of this device in ten minutes: more are only counted)"
        return reason
