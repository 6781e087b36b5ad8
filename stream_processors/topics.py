"""Every Kafka topic, its partitions and how long it keeps what; nothing else creates topics."""

from typing import NamedTuple

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Topic(NamedTuple):
    """``partitions`` None means: as many as the pipeline's joined topics have."""

    name: str
    partitions: int | None = None
    compacted: bool = False
    retention_ms: int | None = None

    def config(self) -> dict[str, str]:
        """The broker's settings for this topic."""
        settings = {"cleanup.policy": "compact" if self.compacted else "delete"}
        if self.retention_ms is not None:
            settings["retention.ms"] = str(self.retention_ms)
        settings["max.message.bytes"] = str(1024 * 1024)
        return settings


AUDIO = Topic("pcg.audio", retention_ms=6 * _HOUR_MS)
AUDIO_HISTORY = Topic("pcg.audio-history", retention_ms=2 * _DAY_MS)
STATUS = Topic("pcg.status", compacted=True)
DEVICE_STATS = Topic("pcg.device-stats", compacted=True)
ASSIGNMENTS = Topic("pcg.assignments", partitions=1, compacted=True)
MODELS = Topic("pcg.models", partitions=1, compacted=True)
RESULTS = Topic("pcg.results", retention_ms=7 * _DAY_MS)
ALARMS = Topic("pcg.alarms", retention_ms=30 * _DAY_MS)
ALARM_ACTIONS = Topic("pcg.alarm-actions", retention_ms=30 * _DAY_MS)
ALARM_STATE = Topic("pcg.alarm-state", compacted=True)
HEARTBEATS = Topic("pcg.heartbeats", partitions=1, retention_ms=_HOUR_MS)
DEAD_LETTERS = Topic("pcg.dead-letters", partitions=1, retention_ms=14 * _DAY_MS)

# In this order the embedded Kafka's records are carried to an empty one: a commit before what it
# finishes with, and the alarms' states before the events that are sent once the states are stored.
ALL = (
    AUDIO,
    AUDIO_HISTORY,
    STATUS,
    DEVICE_STATS,
    ASSIGNMENTS,
    MODELS,
    RESULTS,
    ALARM_ACTIONS,
    ALARM_STATE,
    ALARMS,
    HEARTBEATS,
    DEAD_LETTERS,
)

RECEIVED_AT_HEADER = "received_at_us"  # the bridge's wall clock, ASCII decimal microseconds
SCHEMA_HEADER = "schema"
CHUNK_SCHEMA = b"audio-chunk/1"
STATUS_SCHEMA = b"device-status/1"
