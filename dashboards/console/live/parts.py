"""What of the monitoring itself is missing, told from the heartbeats of its processes."""

from dataclasses import dataclass, field

from stream_processors.alarms.conditions import MONITORING_LOST
from stream_processors.alarms.limits import BUILT_IN
from stream_processors.alarms.parts_heard import PartsHeard
from stream_processors.records import Heartbeat

# Without one of each nobody is watched; what is missed of them by name says `PartsHeard`.
_NEEDED = {
    "bridge": "no bridge takes sound from the devices",
    "audio": "no audio worker judges the sound",
    "alarms": "no alarm worker raises alarms",
}


@dataclass
class Parts:
    """Fed with heartbeats; asked what is lost. Times are UTC microseconds, passed in."""

    since_us: int
    _heard: PartsHeard = field(init=False)
    _last_us: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._heard = PartsHeard(self.since_us)

    def take(self, beat: Heartbeat, at_us: int) -> None:
        self._last_us[beat.kind] = max(at_us, self._last_us.get(beat.kind, 0))
        self._heard.take(beat, at_us)

    def lost(self, now_us: int) -> tuple[str, ...]:
        """In words, what has been missing for too long; empty when all is well."""
        limit_s = BUILT_IN.monitoring_lost_s
        never = [
            words
            for kind, words in _NEEDED.items()
            if now_us - max(self._last_us.get(kind, 0), self.since_us) > limit_s * 1e6
        ]
        readings = self._heard.readings(now_us, BUILT_IN)
        missed = [
            reading.words
            for reading in readings
            if reading.holds and reading.condition.startswith(MONITORING_LOST)
        ]
        return (*never, *(words for words in missed if not never))
