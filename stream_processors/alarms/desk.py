"""The devices of one partition, and what of them Kafka holds already.

The order of writing is the promise. What an input changed is saved first, together with the
events that it made; only when Kafka holds that do the events go out; only when all is saved is
the input acknowledged. So whoever takes over sends again, bit for bit, what may not have gone out
(`AlarmState.outbox`), and no event ever tells of a state that was forgotten, however the inputs
that come again are interleaved then.
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

import msgspec

from stream_processors.alarms.machine import Input, Tick, step
from stream_processors.alarms.parts_heard import PIPELINE
from stream_processors.alarms.profiles import Profiles
from stream_processors.alarms.turn import Moment
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import AlarmAction, AlarmEvent, AlarmState, Assignment

_IDLE_US = 86_400_000_000


class Saved(NamedTuple):
    """Of one device, what is to be written; None for the state takes it off the topic."""

    device_id: str
    state: AlarmState | None
    events: tuple[AlarmEvent, ...]


class _Device:
    def __init__(self, state: AlarmState) -> None:
        # What another version wrote is from now on written as this one writes it.
        version = AlarmState(device_id=state.device_id).v
        self.state = msgspec.structs.replace(state, outbox=(), v=version)
        self.outbox = {event.event_id: event for event in state.outbox}
        self.is_changed = bool(state.outbox)
        self.is_urgent = bool(state.outbox)


class Desk:
    """Takes inputs; says what is to be saved, and which events may go out then.

    Parameters
    ----------
    owner_us
        When this worker took the partition over. Of two that both believe to own it the later
        one is right, and its states are.
    """

    def __init__(
        self,
        *,
        owner_us: int,
        states: Iterable[AlarmState],
        profiles: Profiles,
        assignments: AssignmentHistory,
    ) -> None:
        self._owner_us = owner_us
        self._profiles = profiles
        self._assignments = assignments
        self._devices = {state.device_id: _Device(state) for state in states}

    def __len__(self) -> int:
        return len(self._devices)

    @property
    def states(self) -> list[AlarmState]:
        return [device.state for device in self._devices.values()]

    def open_conditions(self, device_id: str) -> tuple[str, ...]:
        """What is open of a device now, by name."""
        device = self._devices.get(device_id)
        return () if device is None else tuple(e.condition for e in device.state.episodes)

    def take(self, device_id: str, given: Input, *, at_us: int, wall_us: int) -> str | None:
        """Take one input of one device; returns why an action did nothing."""
        assignment = self._assignments.at(device_id, self._time_of(device_id, at_us))
        return self._take(device_id, given, assignment, at_us=at_us, wall_us=wall_us)

    def _take(
        self,
        device_id: str,
        given: Input,
        assignment: Assignment | None,
        *,
        at_us: int,
        wall_us: int,
    ) -> str | None:
        device = self._devices.get(device_id)
        if device is None:
            device = self._devices[device_id] = _Device(AlarmState(device_id=device_id))
        limits, refusal = self._profiles.of(assignment)
        done = step(device.state, given, Moment(at_us, wall_us, assignment, limits, refusal))
        if done.state is device.state:
            return done.note
        device.is_changed = device.is_changed or not _same_but_clock(device.state, done.state)
        device.state = done.state
        device.outbox.update((event.event_id, event) for event in done.events)
        # Who asked for something sees at once what came of it, also where it makes no event.
        if done.events or isinstance(given, AlarmAction):
            device.is_urgent = True
        return done.note

    def _time_of(self, device_id: str, at_us: int) -> int:
        """The time at a device, which no record from before what was taken sets back.

        Topics have no common order, and who wore the device then must not come back.
        """
        device = self._devices.get(device_id)
        return at_us if device is None else max(at_us, device.state.clock_us)

    def tick(self, device_ids: Iterable[str], *, now_us: int, path_whole_us: int | None) -> None:
        """Let time pass for all devices here; `device_ids` are those that are assigned."""
        tick = Tick(path_whole_us)
        of = {d: self._assignments.at(d, now_us) for d in {*device_ids, *self._devices}}
        for device_id, assignment in sorted(of.items(), key=itemgetter(0)):
            if assignment is not None or device_id in self._devices:
                self._take(device_id, tick, assignment, at_us=now_us, wall_us=now_us)

    def unsaved(self, *, urgent_only: bool) -> list[Saved]:
        """What must be written: all that changed, or only what has events that wait for it."""
        written = []
        for device_id, device in self._devices.items():
            if device.is_urgent or (device.is_changed and not urgent_only):
                device.is_urgent = device.is_changed = False
                events = tuple(device.outbox.values())
                state = msgspec.structs.replace(
                    device.state, owner_us=self._owner_us, outbox=events
                )
                written.append(Saved(device_id, state, events))
        return written

    def gone_out(self, event: AlarmEvent) -> None:
        """Kafka holds an event; the next state that is saved lists it no more."""
        device = self._devices.get(event.device_id)
        if device is not None and device.outbox.pop(event.event_id, None) is not None:
            device.is_changed = True

    def forget_idle(self, now_us: int) -> list[Saved]:
        """Devices that nobody wears or has heard for a day: their states leave the topic."""
        idle = [
            device_id
            for device_id, device in self._devices.items()
            if _is_idle(device.state, now_us) and not device.outbox
        ]
        for device_id in idle:
            del self._devices[device_id]
        return [Saved(device_id, None, ()) for device_id in idle]


def latest(states: Iterable[AlarmState]) -> dict[str, AlarmState]:
    """Of each device the state that its rightful owner wrote last, in the order of the topic.

    A worker that was paused may write once more after another has taken its place.
    """
    kept: dict[str, AlarmState] = {}
    for state in states:
        other = kept.get(state.device_id)
        if other is None or state.owner_us >= other.owner_us:
            kept[state.device_id] = state
    return kept


def _same_but_clock(one: AlarmState, other: AlarmState) -> bool:
    """Whether only time has passed; that need not be saved."""
    return msgspec.structs.replace(one, clock_us=other.clock_us) == other


def _is_idle(state: AlarmState, now_us: int) -> bool:
    """The pipeline itself is neither worn nor heard, and never idle."""
    last_us = max(state.heard_us, state.watched_us)
    is_watched = state.assignment_id is not None or state.device_id == PIPELINE
    is_open = bool(state.episodes or state.shelves)
    return not (is_watched or is_open) and now_us - last_us > _IDLE_US
