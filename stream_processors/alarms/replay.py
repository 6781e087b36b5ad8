"""What-if: recorded results through other limits, with nobody at the bedside.

Nobody answers in a replay as people did then, for they answered other alarms. So every alarm is
acknowledged a minute after it rang, which lets a latched one end, and nothing is silenced.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from stream_processors.alarms.desk import Desk
from stream_processors.alarms.machine import Input
from stream_processors.alarms.profiles import Profiles
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import AlarmAction, AlarmEvent

ANSWERED_AFTER_US = 60_000_000
_TICK_US = 5_000_000
_BREAK_US = 10_000_000  # with no word of anybody for so long it was the path that was broken
_ACTOR = "replay"


class Recorded(NamedTuple):
    """An input as it lay in the log."""

    at_us: int
    device_id: str
    given: Input


class Replay:
    """Takes what was recorded, in the order of its times; gives the events it would have made."""

    def __init__(self, profiles: Profiles, assignments: AssignmentHistory) -> None:
        self._assignments = assignments
        self._desk = Desk(owner_us=0, states=(), profiles=profiles, assignments=assignments)
        self._answers: list[tuple[int, str, str]] = []  # when, of which device, which alarm
        self._tick_due_us = 0
        self._last_us = 0
        self._whole_us = 0
        self._out: list[AlarmEvent] = []

    def run(self, recorded: Iterable[Recorded]) -> Iterator[AlarmEvent]:
        for one in recorded:
            self._pass_time(one.at_us)
            self._desk.take(one.device_id, one.given, at_us=one.at_us, wall_us=one.at_us)
            yield from self._gone_out()
        self._pass_time(self._last_us + ANSWERED_AFTER_US)
        yield from self._gone_out()

    def _pass_time(self, to_us: int) -> None:
        if to_us - self._last_us > _BREAK_US:
            self._whole_us = self._tick_due_us = to_us
        self._last_us = to_us
        while self._tick_due_us <= to_us:
            self._answer(self._tick_due_us)
            self._desk.tick(
                self._assignments.device_ids(),
                now_us=self._tick_due_us,
                path_whole_us=self._whole_us,
            )
            self._tick_due_us += _TICK_US
            self._out += self._taken()

    def _answer(self, now_us: int) -> None:
        due = [answer for answer in self._answers if answer[0] <= now_us]
        self._answers = [answer for answer in self._answers if answer[0] > now_us]
        for number, (_, device_id, episode_id) in enumerate(due):
            action = AlarmAction(
                action_id=f"{now_us}-{number}",
                action="acknowledge",
                episode_id=episode_id,
                actor=_ACTOR,
                at_us=now_us,
            )
            self._desk.take(device_id, action, at_us=now_us, wall_us=now_us)

    def _gone_out(self) -> list[AlarmEvent]:
        out, self._out = [*self._out, *self._taken()], []
        return out

    def _taken(self) -> list[AlarmEvent]:
        events = [e for saved in self._desk.unsaved(urgent_only=True) for e in saved.events]
        for event in events:
            self._desk.gone_out(event)
            if event.rings:
                due_us = event.at_us + ANSWERED_AFTER_US
                self._answers.append((due_us, event.device_id, event.episode_id))
        return events
