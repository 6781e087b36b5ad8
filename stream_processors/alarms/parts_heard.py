"""The watcher watched: which parts of the pipeline give their heartbeats, and what they say.

Bridges and writers have names of their own, and each of them is missed. Workers come and go
under new names; what is missed of them is a partition that nobody reads.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from stream_processors.alarms.conditions import (
    MONITORING_LOST,
    PIPELINE_LATE,
    SINK_DOWN,
    Reading,
    family,
)
from stream_processors.alarms.limits import Limits
from stream_processors.records import Heartbeat

PIPELINE = "_pipeline"  # stands for the pipeline itself where a device would
RESULT_DELAY = "result_delay_s"
DATABASE_AWAY = "database_away"

_SHARED = frozenset({"audio", "alarms"})
_IGNORED = frozenset({"simulator", "console"})
_PATH = frozenset({"bridge"})
_OF_PARTS = frozenset({MONITORING_LOST, SINK_DOWN})
_FRESH_S = 6.0
_REMOVED_S = 3600.0


class _Heard(NamedTuple):
    beat: Heartbeat
    at_us: int


class PartsHeard:
    """Fed with heartbeats; asked what is missing. Times are UTC microseconds, passed in.

    What was heard before `since_us`, when the watching began, counts as heard then: after a pause
    of everything each part has the usual time to speak.
    """

    def __init__(self, since_us: int) -> None:
        self._since_us = since_us
        self._named: dict[str, _Heard] = {}
        self._workers: dict[str, _Heard] = {}
        self._read_at_us: dict[tuple[str, str], int] = {}  # by kind and partition
        self._away_since_us: dict[str, int] = {}
        self._whole_since_us: int | None = None
        self._told: set[str] = set()

    def take(self, beat: Heartbeat, at_us: int) -> None:
        """Note a heartbeat that Kafka got at that time."""
        at_us = max(at_us, self._since_us)
        if beat.kind in _IGNORED:
            return
        if beat.kind in _SHARED:
            self._workers[beat.instance] = _Heard(beat, at_us)
            for partition in beat.partitions:
                self._read_at_us[beat.kind, partition] = at_us
            return
        self._note_break(beat, at_us)
        self._named[beat.instance] = _Heard(beat, at_us)
        if beat.counters.get(DATABASE_AWAY):
            self._away_since_us.setdefault(beat.instance, at_us)
        else:
            self._away_since_us.pop(beat.instance, None)

    def path_whole_us(self, now_us: int) -> int | None:
        """Since when every bridge has been heard without a break, None while one is not."""
        bridges = [heard for heard in self._named.values() if heard.beat.kind in _PATH]
        is_whole = bool(bridges) and all(_age_s(h, now_us) <= _FRESH_S for h in bridges)
        if not is_whole:
            self._whole_since_us = None
        elif self._whole_since_us is None:
            self._whole_since_us = now_us
        return self._whole_since_us

    def readings(
        self, now_us: int, limits: Limits, *, open_now: Iterable[str] = ()
    ) -> tuple[Reading, ...]:
        """What is true of the pipeline now; what was told once is told until it is over.

        `open_now` are alarms that were raised before this watching began, so that one of a part
        whose last heartbeat nobody holds any more is ended, too.
        """
        self._forget_removed(now_us)
        found = {reading.condition: reading for reading in self._readings(now_us, limits)}
        of_parts = {condition for condition in open_now if family(condition) in _OF_PARTS}
        gone = (self._told | of_parts) - found.keys()
        self._told = set(found)
        return (
            *found.values(),
            *(Reading(condition, False, "taken out of service") for condition in sorted(gone)),
        )

    def _note_break(self, beat: Heartbeat, at_us: int) -> None:
        """A bridge that was away and came back while nobody asked broke the path as well."""
        before = self._named.get(beat.instance)
        if beat.kind in _PATH and before is not None and _age_s(before, at_us) > _FRESH_S:
            self._whole_since_us = None

    def _readings(self, now_us: int, limits: Limits) -> Iterator[Reading]:
        limit_s = limits.monitoring_lost_s
        for instance, heard in sorted(self._named.items()):
            silent_s = _age_s(heard, now_us)
            words = f"no word of {heard.beat.kind} {instance} for {limit_s:.0f} s"
            yield _over(f"{MONITORING_LOST}/{instance}", silent_s, limit_s, words)
            if heard.beat.kind == "influx":
                yield self._of_sink(instance, now_us, limits)
        for kind in sorted({kind for kind, _ in self._read_at_us}):
            yield self._of_workers(kind, now_us, limit_s)
        delay_s = self._delay_s(now_us)
        if delay_s is not None:
            holds = _between(delay_s, limits.pipeline_late_s, limits.pipeline_late_clear_s)
            words = f"results {delay_s:.0f} s late > {limits.pipeline_late_s:.0f} s"
            yield Reading(PIPELINE_LATE, holds, words, delay_s, limits.pipeline_late_s, "s")

    def _of_sink(self, instance: str, now_us: int, limits: Limits) -> Reading:
        since_us = self._away_since_us.get(instance)
        away_s = 0.0 if since_us is None else (now_us - since_us) / 1e6
        words = f"{instance} cannot write for {limits.sink_down_s:.0f} s; results wait in Kafka"
        return _over(f"{SINK_DOWN}/{instance}", away_s, limits.sink_down_s, words)

    def _of_workers(self, kind: str, now_us: int, limit_s: float) -> Reading:
        read_at_us = {p: at_us for (k, p), at_us in self._read_at_us.items() if k == kind}
        longest, since_us = min(read_at_us.items(), key=lambda item: (item[1], item[0]))
        silent = sum((now_us - at_us) / 1e6 > limit_s for at_us in read_at_us.values())
        which = longest if silent <= 1 else f"{longest} and {silent - 1} more"
        words = f"no {kind} worker reads {which} for {limit_s:.0f} s"
        return _over(f"{MONITORING_LOST}/{kind}", (now_us - since_us) / 1e6, limit_s, words)

    def _delay_s(self, now_us: int) -> float | None:
        """How late the results are that the alarm workers take, the latest of them."""
        fresh = [heard for heard in self._workers.values() if _age_s(heard, now_us) <= _FRESH_S]
        delays = [heard.beat.counters.get(RESULT_DELAY) for heard in fresh]
        return max((delay for delay in delays if delay is not None), default=None)

    def _forget_removed(self, now_us: int) -> None:
        """What has been silent for an hour was taken out of service."""
        for parts in (self._named, self._workers):
            for name in [n for n, heard in parts.items() if _age_s(heard, now_us) > _REMOVED_S]:
                del parts[name]
                self._away_since_us.pop(name, None)
        for kind in {kind for kind, _ in self._read_at_us}:
            times = [at_us for (k, _), at_us in self._read_at_us.items() if k == kind]
            if now_us - max(times) > _REMOVED_S * 1e6:
                for key in [key for key in self._read_at_us if key[0] == kind]:
                    del self._read_at_us[key]


def _age_s(heard: _Heard, now_us: int) -> float:
    return (now_us - heard.at_us) / 1e6


def _over(condition: str, value_s: float, limit_s: float, words: str) -> Reading:
    return Reading(condition, value_s > limit_s, words, value_s, limit_s, "s")


def _between(value: float, limit: float, clear: float) -> bool | None:
    if value > limit:
        return True
    return False if value <= clear else None
