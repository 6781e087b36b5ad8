"""The desk finds the assignment that holds, whatever order the topics are read in."""

import msgspec

from ingest.chunk import DeviceStatus
from stream_processors.alarms.desk import Desk
from stream_processors.alarms.machine import Input, Tick
from stream_processors.alarms.profiles import Profiles
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import AlarmAction, AlarmEvent, AlarmState
from tests.unit.stream_processors.alarms.bedside import ANN, BOB, QUICK, told, us, window

HANDED_OVER_S = 100.0


def desk() -> Desk:
    """Of a device that Ann wore and Bob wears."""
    assignments = AssignmentHistory()
    assignments.step("a1", msgspec.structs.replace(ANN, until_us=us(HANDED_OVER_S)))
    assignments.step("a2", msgspec.structs.replace(BOB, from_us=us(HANDED_OVER_S)))
    return Desk(owner_us=0, states=(), profiles=Profiles(QUICK), assignments=assignments)


def give(to: Desk, given: Input, *, at_s: float, wall_s: float) -> list[AlarmEvent]:
    to.take("d1", given, at_us=us(at_s), wall_us=us(wall_s))
    events = [event for saved in to.unsaved(urgent_only=True) for event in saved.events]
    for event in events:
        to.gone_out(event)
    return events


def ringing_for_bob() -> Desk:
    of_bob = desk()
    for index in range(2):
        given = window(index, at_s=110.0 + index, abnormal=0.9, assignment_id="a2")
        give(of_bob, given, at_s=110.0 + index, wall_s=110.0 + index)
    return of_bob


def test_a_record_from_before_the_handover_that_is_read_after_it_ends_no_alarm() -> None:
    of_bob = ringing_for_bob()
    status = DeviceStatus(state="online", boot_id=7, at_us=us(90.0))
    assert told(give(of_bob, status, at_s=90.0, wall_s=120.0)) == []
    (state,) = of_bob.states
    assert [(e.condition, e.state) for e in state.episodes] == [
        ("finding/screen/abnormal", "active")
    ]
    assert state.patient_id == "p2"


def test_a_window_of_the_patient_before_that_comes_then_says_nothing_of_the_present_one() -> None:
    of_bob = ringing_for_bob()
    given = window(2, at_s=95.0, abnormal=0.1, assignment_id="a1")
    assert told(give(of_bob, given, at_s=95.0, wall_s=120.0)) == []
    (state,) = of_bob.states
    assert state.assignment_id == "a2"


def test_an_assignment_that_ends_ends_its_alarms_with_the_next_moment() -> None:
    of_ann = desk()
    for index in range(2):
        at_s = 90.0 + index
        give(of_ann, window(index, at_s=at_s, abnormal=0.9), at_s=at_s, wall_s=at_s)
    (ended,) = give(of_ann, Tick(None), at_s=HANDED_OVER_S, wall_s=HANDED_OVER_S)
    assert ended.transition == "ended"
    assert ended.patient_id == "p1"
    assert ended.cause.startswith("the device was given to another patient")


def test_a_state_of_another_version_is_written_on_as_this_one_writes_it() -> None:
    of_next = AlarmState(device_id="d1", v=2, owner_us=7)
    taken = Desk(
        owner_us=8, states=[of_next], profiles=Profiles(QUICK), assignments=AssignmentHistory()
    )
    assert [(state.v, state.owner_us) for state in taken.states] == [(1, 7)]


def test_what_somebody_asked_for_is_saved_at_once_though_it_makes_no_event() -> None:
    of_bob = ringing_for_bob()
    shelve = AlarmAction(action_id="1", action="shelve", device_id="d1", actor="nurse", at_us=0)
    give(of_bob, shelve, at_s=112.0, wall_s=112.0)
    for index in range(2, 6):
        give(of_bob, window(index, at_s=112.0 + index, assignment_id="a2"), at_s=120, wall_s=120)
    resume = AlarmAction(action_id="2", action="resume", device_id="d1", actor="nurse", at_us=0)
    of_bob.take("d1", resume, at_us=us(121), wall_us=us(121))
    (saved,) = of_bob.unsaved(urgent_only=True)
    assert saved.events == ()
    assert saved.state is not None
    assert saved.state.shelves == {}
