"""The same results through other limits."""

import dataclasses

from ingest.chunk import DeviceStatus
from stream_processors.alarms.load import load_of
from stream_processors.alarms.profiles import Profiles
from stream_processors.alarms.replay import Recorded, Replay
from stream_processors.assignments import AssignmentHistory
from tests.unit.stream_processors.alarms.bedside import ANN, QUICK, SILENCE, us, window

CONTACT = DeviceStatus(state="online", boot_id=7, at_us=0, contact=True)


def replayed(recorded: list[Recorded], **limits: float) -> dict[str, int]:
    history = AssignmentHistory()
    history.step(ANN.assignment_id, ANN)
    profiles = Profiles(dataclasses.replace(QUICK, **limits))  # type: ignore[arg-type]
    load = load_of(Replay(profiles, history).run(recorded), patient_hours=1.0)
    return {row.condition: row.alarms for row in load.rows}


def heard(index: int, **said: object) -> Recorded:
    at_s = 2.5 * (index + 1)
    return Recorded(us(at_s), "d1", window(index, at_s=at_s, **said))  # type: ignore[arg-type]


FAST_NOW_AND_THEN = [heard(k, bpm=130 if k // 10 % 2 else 80) for k in range(200)]


def test_a_wider_limit_gives_fewer_alarms() -> None:
    assert replayed(FAST_NOW_AND_THEN) == {"tachycardia": 10}
    assert replayed(FAST_NOW_AND_THEN, tachycardia_bpm=140.0) == {}


def test_a_longer_delay_gives_fewer_alarms() -> None:
    assert replayed(FAST_NOW_AND_THEN, rate_k=12, rate_n=12) == {}


def test_a_replay_repeats_itself() -> None:
    history = AssignmentHistory()
    history.step(ANN.assignment_id, ANN)
    replays = [Replay(Profiles(QUICK), history) for _ in range(2)]
    once, again = (list(replay.run(FAST_NOW_AND_THEN)) for replay in replays)
    assert once == again
    assert once


def test_an_alarm_that_latches_is_answered_and_can_come_again() -> None:
    lost = [
        heard(k, verdict="unusable" if k % 40 < 5 else "good", reasons=(SILENCE,))
        for k in range(120)
    ]
    status = [Recorded(us(0), "d1", CONTACT)]
    assert replayed([*status, *lost], poor_signal_priority=0) == {"heart_lost": 3}


def test_a_device_that_falls_silent_among_others_is_offline() -> None:
    others = [
        Recorded(us(2.5 * k), "d2", window(k, at_s=2.5 * k, assignment_id=None)) for k in range(40)
    ]
    assert replayed([heard(0), *others]) == {"offline": 1}


def test_a_hole_in_the_recording_makes_nobody_offline() -> None:
    late = Recorded(us(4000), "d1", window(1, at_s=4000))
    assert replayed([heard(0), late]) == {}
