"""A Kafka of lists, a worker that may die between any two steps, and a witness of the events."""

from collections import defaultdict
from typing import NamedTuple

import msgspec

from stream_processors.alarms.conditions import AUDIO_PAUSE, STANDBY, outranks
from stream_processors.alarms.desk import Desk, Saved, latest
from stream_processors.alarms.limits import Limits
from stream_processors.alarms.machine import Input
from stream_processors.alarms.profiles import Profiles
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import AlarmEvent, AlarmState, decode, encode

TOPICS = ("results", "actions", "status")
_PAUSES = (AUDIO_PAUSE, STANDBY)
_ALLOWED = {
    "pending": {("inactive", "pending")},
    "lapsed": {("pending", "cleared")},
    "raised": {(a, b) for a in ("inactive", "pending") for b in ("active", "shelved")},
    "rang": {("active", "active")},
    "returned": {("latched", "active")},
    "latched": {("active", "latched")},
    "acknowledged": {("active", "acknowledged"), ("latched", "cleared")},
    "reminded": {("acknowledged", "active")},
    "escalated": {("active", "active"), ("latched", "latched")},
    "shelved": {(a, "shelved") for a in ("active", "acknowledged", "shelved")},
    "unshelved": {("shelved", "active")},
    "cleared": {(a, "cleared") for a in ("active", "acknowledged", "shelved")},
    "ended": {(a, "cleared") for a in ("pending", "active", "acknowledged", "latched", "shelved")},
    "paused": {("inactive", "active"), ("active", "active")},
    "standby": {("inactive", "active"), ("active", "active")},
    "resumed": {("active", "cleared")},
    "broken": {("active", "cleared")},
}


class Entry(NamedTuple):
    device_id: str
    given: Input
    at_us: int


class Cluster:
    """What outlives a worker."""

    def __init__(self, limits: Limits) -> None:
        self.profiles = Profiles(limits)
        self.assignments = AssignmentHistory()
        self.logs: dict[str, list[Entry]] = {topic: [] for topic in TOPICS}
        self.committed = dict.fromkeys(TOPICS, 0)
        self.states: list[bytes] = []
        self.known: set[str] = set()
        self.witness = Witness()


class Worker:
    """The real desk; saving, sending and committing are steps that a test takes one by one."""

    def __init__(self, cluster: Cluster, *, now_us: int) -> None:
        self._cluster = cluster
        self._next = dict(cluster.committed)
        self._saved: list[Saved] = []
        self._sent: set[str] = set()
        self.desk = Desk(
            owner_us=now_us,
            states=latest(decode(AlarmState, value) for value in cluster.states).values(),
            profiles=cluster.profiles,
            assignments=cluster.assignments,
        )

    @property
    def is_caught_up(self) -> bool:
        return all(self._next[topic] == len(self._cluster.logs[topic]) for topic in TOPICS)

    def work(self, topic: str, most: int, *, wall_us: int) -> None:
        entries = self._cluster.logs[topic][self._next[topic] :][:most]
        for entry in entries:
            self.desk.take(entry.device_id, entry.given, at_us=entry.at_us, wall_us=wall_us)
        self._next[topic] += len(entries)

    def tick(self, now_us: int, *, whole_us: int | None) -> None:
        if self.is_caught_up:
            self.desk.tick(["d1"], now_us=now_us, path_whole_us=whole_us)

    def save(self, *, urgent_only: bool) -> None:
        for saved in self.desk.unsaved(urgent_only=urgent_only):
            assert saved.state is not None
            self._cluster.states.append(encode(saved.state))
            self._cluster.known.update(episode.episode_id for episode in saved.state.episodes)
            self._cluster.known.update(event.episode_id for event in saved.state.outbox)
            self._saved.append(saved)

    def send(self, most: int | None = None) -> None:
        """Only what is saved goes out."""
        waiting = [e for s in self._saved for e in s.events if e.event_id not in self._sent]
        unique = list({event.event_id: event for event in waiting}.values())
        for event in unique[:most]:
            self._sent.add(event.event_id)
            self._cluster.witness.see(decode(AlarmEvent, encode(event)))
            self.desk.gone_out(event)

    def commit(self) -> None:
        self.save(urgent_only=False)
        self.send()
        self._cluster.committed = dict(self._next)

    def finish(self, *, wall_us: int) -> None:
        for topic in TOPICS:
            self.work(topic, 10**9, wall_us=wall_us)
        self.commit()


class Witness:
    """Sees the events as a console would, and objects."""

    def __init__(self) -> None:
        self.seen: dict[str, AlarmEvent] = {}
        self._last: dict[str, AlarmEvent] = {}
        self._open: dict[str, dict[str, AlarmEvent]] = defaultdict(dict)
        self._sounds: set[str] = set()
        self._at_us: dict[str, int] = defaultdict(int)

    def see(self, event: AlarmEvent) -> None:
        before = self.seen.get(event.event_id)
        if before is not None:
            assert before == event, "one event in two versions"
            return
        self.seen[event.event_id] = event
        self._check_order(event)
        self._check_sound(event)
        self._note(event)

    def standing(self) -> dict[str, str]:
        """The state of everything open, by its id."""
        return {
            event.episode_id: event.state_to
            for alarms in self._open.values()
            for event in alarms.values()
        }

    def _check_order(self, event: AlarmEvent) -> None:
        last = self._last.get(event.episode_id)
        assert event.transition_no == (last.transition_no + 1 if last else 1)
        assert event.state_from == (last.state_to if last else "inactive")
        assert (event.state_from, event.state_to) in _ALLOWED[event.transition], event
        assert event.at_us >= self._at_us[event.device_id]
        assert event.due_us is None or event.due_us <= event.at_us
        assert event.until_us is None or event.until_us >= event.at_us or last
        open_one = self._open[event.device_id].get(event.condition)
        assert open_one is None or open_one.episode_id == event.episode_id, "two at a time"
        if last is not None:
            assert (event.assignment_id, event.kind) == (last.assignment_id, last.kind)
        if last is not None and last.state_to == "acknowledged" and event.state_to == "active":
            assert event.transition == "reminded"
            assert event.due_us is not None
        assert event.cause
        assert event.actor

    def _check_sound(self, event: AlarmEvent) -> None:
        here = self._open[event.device_id]
        if STANDBY in here:
            assert event.condition in _PAUSES, "an alarm in standby"
        if not event.rings or event.condition in _PAUSES:
            return
        assert not event.late
        assert event.state_to == "active"
        assert event.episode_id not in self._sounds, "rings twice"
        pause = here.get(AUDIO_PAUSE)
        assert pause is None or outranks(event.priority, pause.priority)

    def _note(self, event: AlarmEvent) -> None:
        self._last[event.episode_id] = event
        self._at_us[event.device_id] = event.at_us
        if event.state_to == "cleared":
            self._open[event.device_id].pop(event.condition)
        else:
            self._open[event.device_id][event.condition] = event
        if event.rings:
            self._sounds.add(event.episode_id)
        if event.state_to in ("acknowledged", "shelved", "cleared"):
            self._sounds.discard(event.episode_id)


def same_but_clock(one: AlarmState, other: AlarmState) -> bool:
    return msgspec.structs.replace(one, clock_us=0) == msgspec.structs.replace(other, clock_us=0)
