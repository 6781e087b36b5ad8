"""The alarm state machine: a state, an input and a moment give the next state and its events.

It is pure. It asks no clock, keeps nothing and sends nothing; the same inputs in the same order
give the same events, bit for bit. What it has seen it does not count again: a window by its
device's boot and index, an action by its id; all else are levels that do not add up.
"""

from functools import singledispatch
from typing import NamedTuple

from ingest.chunk import DeviceStatus
from stream_processors.alarms.actions import act
from stream_processors.alarms.conditions import LIMITS_REFUSED, OFFLINE, Reading
from stream_processors.alarms.events import sound_of
from stream_processors.alarms.life_cycle import read
from stream_processors.alarms.loudness import usual_after
from stream_processors.alarms.rates import follow, of_rate
from stream_processors.alarms.readings import of_result, of_stats, of_status
from stream_processors.alarms.timers import fire_due, next_due_us
from stream_processors.alarms.turn import Moment, Step, Turn
from stream_processors.records import (
    AlarmAction,
    AlarmState,
    Assignment,
    DeviceStats,
    WindowResult,
)

_KNOWN_BOOTS = 4
_BACKLOG_OVER_US = 10_000_000


class Readings(NamedTuple):
    """Readings made elsewhere: those of the pipeline itself."""

    readings: tuple[Reading, ...]


class Tick(NamedTuple):
    """Time passes, and nothing waits to be read.

    `path_whole_us` says since when everything between the devices and here has worked without a
    break; None while it does not, and then nobody is called offline.
    """

    path_whole_us: int | None


Input = WindowResult | DeviceStatus | DeviceStats | AlarmAction | Readings | Tick


def step(state: AlarmState, given: Input, moment: Moment) -> Step:
    """Take one input."""
    # No clock of a console or a bridge may carry a device's time ahead of ours.
    if moment.at_us > moment.wall_us:
        moment = moment._replace(at_us=moment.wall_us)
    if isinstance(given, Tick) and _nothing_due(state, given, moment):
        return Step(state, ())
    turn = Turn(state, moment)
    _assign(turn, moment.assignment, moment.at_us)
    fire_due(turn, moment.at_us)
    _say_what_is_refused(turn, moment)
    _take(given, turn)
    return turn.done()


def due_us(state: AlarmState, moment: Moment) -> int | None:
    """When the next timer of a state fires."""
    return next_due_us(Turn(state, moment))


def _nothing_due(state: AlarmState, tick: Tick, moment: Moment) -> bool:
    """Whether a tick finds nothing to do, as it does for most devices at most times."""
    assignment = moment.assignment
    if assignment is None:
        is_same = state.assignment_id is None
    else:
        is_same = assignment.assignment_id == state.assignment_id
        is_same = is_same and _place(assignment) == _place(state)
    return (
        is_same
        and not (state.episodes or state.shelves)
        and moment.refusal is None
        and _silent_s(state, tick, moment.at_us) < moment.limits.offline_s
    )


def _silent_s(state: AlarmState, tick: Tick, at_us: int) -> float:
    """For how long the device should have been heard and was not."""
    if tick.path_whole_us is None or state.assignment_id is None:
        return 0.0
    expected_us = max(state.heard_us, state.watched_us, tick.path_whole_us)
    return (max(at_us, state.clock_us) - expected_us) / 1e6


@singledispatch
def _take(given: Input, turn: Turn) -> None:  # noqa: ARG001 (what cannot be taken uses none)
    raise TypeError(f"{type(given).__name__} is no input of the alarms")


@_take.register
def _(result: WindowResult, turn: Turn) -> None:
    received_us = min(result.stages.received_us, turn.wall_us)
    boots = _boots_after(turn.facts, result)
    if boots is None:
        return
    turn.learn(boots=boots, counted_us=max(received_us, turn.facts.counted_us))
    turn.late = result.late or turn.is_late(received_us)
    if result.assignment_id == turn.facts.assignment_id:
        turn.sound = sound_of(result)
        for reading in _readings(result, turn):
            read(turn, reading)
    if turn.late:
        turn.learn(late_us=turn.wall_us)
    else:
        turn.ring_what_has_not(why="still so")
    turn.sound = None
    if not result.late:
        _hear(turn, received_us)


def _readings(result: WindowResult, turn: Turn) -> tuple[Reading, ...]:
    """What a window says, in the light of those before it."""
    facts, limits = turn.facts, turn.limits
    usual_peak = usual_after(facts.usual_peak, result)
    rate = follow(facts.rate, result, limits)
    turn.learn(usual_peak=usual_peak, rate=rate)
    return (
        *of_result(result, limits, contact=facts.contact, usual_peak=usual_peak),
        *of_rate(rate, result, limits),
    )


@_take.register
def _(status: DeviceStatus, turn: Turn) -> None:
    turn.late = turn.is_late(turn.at_us)
    turn.learn(contact=status.contact)
    for reading in of_status(status, turn.limits):
        read(turn, reading)


@_take.register
def _(stats: DeviceStats, turn: Turn) -> None:
    turn.late = turn.is_late(turn.at_us)
    for reading in of_stats(stats, turn.limits):
        read(turn, reading)
    _hear(turn, min(stats.last_received_us, turn.wall_us))


@_take.register
def _(action: AlarmAction, turn: Turn) -> None:
    act(turn, action)


@_take.register
def _(given: Readings, turn: Turn) -> None:
    for reading in given.readings:
        read(turn, reading)


@_take.register
def _(tick: Tick, turn: Turn) -> None:
    if turn.wall_us - turn.facts.late_us > _BACKLOG_OVER_US:
        turn.ring_what_has_not(why="still so")
    silent_s = _silent_s(turn.facts, tick, turn.at_us)
    if silent_s >= turn.limits.offline_s:
        words = f"not heard for {turn.limits.offline_s:.0f} s"
        turn.due_us = turn.at_us - round((silent_s - turn.limits.offline_s) * 1e6)
        read(turn, Reading(OFFLINE, True, words, silent_s, turn.limits.offline_s, "s"))


def _assign(turn: Turn, assignment: Assignment | None, at_us: int) -> None:
    """Alarms belong to an assignment: where it ends they end, for all to see."""
    assignment_id = None if assignment is None else assignment.assignment_id
    if assignment_id != turn.facts.assignment_id:
        turn.move_clock(at_us)
        turn.end_all(_why_it_ends(turn.facts, assignment))
        turn.learn(watched_us=turn.at_us, rate=None, usual_peak=None)
    place = (None,) * 3 if assignment is None else _place(assignment)
    if (assignment_id, *place) != (turn.facts.assignment_id, *_place(turn.facts)):
        patient_id, ward, bed = place
        turn.learn(assignment_id=assignment_id, patient_id=patient_id, ward=ward, bed=bed)


def _place(of: Assignment | AlarmState) -> tuple[str | None, str | None, str | None]:
    return of.patient_id, of.ward, of.bed


def _why_it_ends(facts: AlarmState, assignment: Assignment | None) -> str:
    if assignment is None:
        return "discharged, or the device was taken off"
    if facts.assignment_id is None:
        return "the device has been given to a patient"
    if assignment.patient_id == facts.patient_id:
        return "the patient has a new assignment"
    return "the device was given to another patient"


def _say_what_is_refused(turn: Turn, moment: Moment) -> None:
    refused = moment.refusal is not None
    if refused or LIMITS_REFUSED in turn.episodes:
        read(turn, Reading(LIMITS_REFUSED, refused, moment.refusal or "the limits are in order"))


def _hear(turn: Turn, received_us: int) -> None:
    """Note that the bridge has had sound of the device."""
    if received_us > turn.facts.heard_us:
        turn.learn(heard_us=received_us)
    silent_s = (turn.at_us - turn.facts.heard_us) / 1e6
    if OFFLINE in turn.episodes and silent_s < turn.limits.offline_s:
        read(turn, Reading(OFFLINE, False, "heard again"))


def _boots_after(facts: AlarmState, result: WindowResult) -> tuple[tuple[int, int], ...] | None:
    """The boots with this window; None when it counts no more.

    Within the present boot windows count in their order. One of another boot counts if the bridge
    had it after all that has counted: repetitions and history were received before.
    """
    known = dict(facts.boots)
    place = (result.boot_id, result.window_index)
    if result.window_index <= known.get(result.boot_id, -1):
        return None
    is_present = not facts.boots or facts.boots[-1][0] == result.boot_id
    if not is_present and (result.late or result.stages.received_us <= facts.counted_us):
        return None
    others = tuple(boot for boot in facts.boots if boot[0] != result.boot_id)
    return (*others, place)[-_KNOWN_BOOTS:]
