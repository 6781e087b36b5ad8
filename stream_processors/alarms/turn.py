"""One turn at one device's alarms: the state before, what is done to it, the state after.

A turn is made for one input and thrown away. Every change of an alarm goes through `move`, which
writes the event; so no alarm can change without one.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec

from stream_processors.alarms.conditions import (
    AUDIO_PAUSE,
    STANDBY,
    kind_of,
    outranks,
)
from stream_processors.alarms.events import (
    CLEARED,
    INACTIVE,
    OWN_ACTOR,
    Sound,
    What,
    episode_id,
    event_of,
)
from stream_processors.alarms.limits import Limits
from stream_processors.records import AlarmEpisode, AlarmEvent, AlarmState, Assignment, Priority

State = Literal["pending", "active", "latched", "acknowledged", "shelved"]
_NOT_ALARMS = (AUDIO_PAUSE, STANDBY)


class Moment(NamedTuple):
    """What is true when an input is taken.

    Attributes
    ----------
    at_us
        The input's own time in the log. With no backlog it is that of the wall clock.
    wall_us
        Now. Only how late something is is reckoned with it.
    assignment
        Who wore the device at `at_us`.
    refusal
        Why the limits of the assignment itself are not in force, if they are not.
    """

    at_us: int
    wall_us: int
    assignment: Assignment | None
    limits: Limits
    refusal: str | None = None


class Step(NamedTuple):
    """What an input made of a state; `note` says why an action did nothing."""

    state: AlarmState
    events: tuple[AlarmEvent, ...]
    note: str | None = None


class Turn:
    """The state under change."""

    def __init__(self, state: AlarmState, moment: Moment) -> None:
        self.limits = moment.limits
        self.wall_us = moment.wall_us
        self.at_us = state.clock_us
        self.late = False
        self.note: str | None = None
        self.sound: Sound | None = None
        self.due_us: int | None = None
        self.events: list[AlarmEvent] = []
        self.episodes = {episode.condition: episode for episode in state.episodes}
        self.counts = dict(state.counts)
        self.shelves = dict(state.shelves)
        self.facts = state

    def done(self) -> Step:
        """The state after; the clock of a device never runs backwards."""
        return Step(
            msgspec.structs.replace(
                self.facts,
                clock_us=self.at_us,
                counts=self.counts,
                episodes=tuple(self.episodes.values()),
                shelves=self.shelves,
            ),
            tuple(self.events),
            self.note,
        )

    def move_clock(self, to_us: int) -> None:
        self.at_us = max(self.at_us, to_us)

    def learn(self, **facts: Any) -> None:
        """Note what the state holds beside alarms: who, where, when heard."""
        self.facts = msgspec.structs.replace(self.facts, **facts)

    def is_late(self, since_us: int) -> bool:
        """Whether something of that time is too old to ring."""
        return self.wall_us - since_us > self.limits.late_s * 1e6

    @property
    def in_standby(self) -> bool:
        return STANDBY in self.episodes

    def alarms(self) -> list[AlarmEpisode]:
        """What is open, pauses and standby apart; the most urgent first."""
        open_ones = [e for e in self.episodes.values() if e.condition not in _NOT_ALARMS]
        return sorted(open_ones, key=lambda e: ("high", "medium", "low").index(e.priority))

    def begin(self, condition: str, priority: Priority, words: str) -> AlarmEpisode:
        """A new episode, not yet in any state: the first `move` gives it one."""
        name = episode_id(self.facts, condition, self.at_us)
        self.learn(begun=self.facts.begun + 1)
        return AlarmEpisode(
            episode_id=name,
            condition=condition,
            kind=kind_of(condition),
            priority=priority,
            state="pending",
            transition_no=0,
            began_us=self.at_us,
            cause=words,
        )

    def move(
        self,
        episode: AlarmEpisode,
        to: State | Literal["cleared"],
        transition: str,
        *,
        cause: str | None = None,
        why: str | None = None,
        actor: str = OWN_ACTOR,
        rings: bool = False,
        due_us: int | None = None,
        **changes: Any,
    ) -> AlarmEpisode:
        """Bring an alarm to another state and write the event; `changes` are of its fields.

        The alarm keeps its `cause`. `why` it moves stands before that in this event alone, or
        words would pile up with every reminder.
        """
        came_from = episode.state if episode.transition_no else INACTIVE
        moved = msgspec.structs.replace(
            episode,
            transition_no=episode.transition_no + 1,
            cause=episode.cause if cause is None else cause,
            **({} if to == CLEARED else {"state": to}),
            **changes,
        )
        if to == CLEARED:
            self.episodes.pop(moved.condition, None)
        else:
            self.episodes[moved.condition] = moved
        what = What(
            transition=transition,
            at_us=self.at_us,
            cause=moved.cause if why is None else f"{why}: {moved.cause}",
            actor=actor,
            rings=rings,
            late=self.late,
            due_us=self.due_us if due_us is None else due_us,
            until_us=moved.until_us,
            sound=self.sound if rings or transition == "raised" else None,
        )
        self.events.append(event_of(what, moved, self.facts, came_from=came_from, went_to=to))
        return moved

    def may_ring(self, priority: Priority) -> bool:
        """Whether sound may begin now; a higher priority breaks through an audio pause."""
        if self.late:
            return False
        pause = self.episodes.get(AUDIO_PAUSE)
        if pause is None:
            return True
        if not outranks(priority, pause.priority):
            return False
        self.move(pause, "cleared", "broken", cause=f"a {priority} alarm breaks the audio pause")
        return True

    def ring_what_has_not(self, *, why: str) -> None:
        """Let ring what was raised while nothing could: in a backlog, or in an audio pause."""
        for episode in self.alarms():
            if episode.state != "active" or episode.rang:
                continue
            escalate_us = self.escalation_due(episode)
            calling = msgspec.structs.replace(episode, escalate_us=escalate_us)
            if self.may_ring(episode.priority):
                self.move(calling, "active", "rang", why=why, rings=True, rang=True)
            else:
                self.episodes[episode.condition] = calling

    def escalation_due(self, episode: AlarmEpisode) -> int | None:
        """When an alarm that calls now escalates, if nobody answers.

        The time begins with the call, sounding or in an audio pause, and is set once: were it set
        anew after each pause, pauses could put it off for ever. What is late does not call yet.
        """
        if self.late or episode.escalate_us is not None or episode.escalation:
            return episode.escalate_us
        return self.due(self.limits.escalate_s(episode.priority))

    def due(self, in_s: float) -> int | None:
        """So many seconds from now; never, for 0."""
        return self.at_us + round(in_s * 1e6) if in_s else None

    def end_all(self, why: str, *, actor: str = OWN_ACTOR) -> None:
        """End everything that is open, visibly, and begin to count anew."""
        for episode in (*self.alarms(), *self._pauses()):
            self.move(episode, "cleared", "ended", why=why, actor=actor)
        self.counts.clear()
        self.shelves.clear()

    def _pauses(self) -> Iterable[AlarmEpisode]:
        return [self.episodes[name] for name in _NOT_ALARMS if name in self.episodes]
