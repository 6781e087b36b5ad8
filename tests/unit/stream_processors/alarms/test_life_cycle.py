"""From a finding in one window to an alarm on the ward, and to its end."""

import msgspec
import pytest

from stream_processors.alarms.machine import Tick
from stream_processors.records import AlarmEvent, decode, encode
from tests.unit.stream_processors.alarms.bedside import ANN, SILENCE, Bedside, told, us, window

ABNORMAL = "finding/screen/abnormal"


def test_one_abnormal_window_raises_nothing() -> None:
    bed = Bedside()
    bed.windows(1, abnormal=0.9)
    bed.windows(3)
    assert told(bed.events) == ["pending", "lapsed"]
    assert bed.state.episodes == ()


def test_k_of_n_abnormal_windows_raise_and_ring_once() -> None:
    bed = Bedside(finding_k=3, finding_n=4)
    for abnormal in (0.9, 0.1, 0.9, 0.9, 0.9, 0.9):
        bed.windows(1, abnormal=abnormal)
    assert told(bed.events) == ["pending", "raised*"]
    assert bed.standing(ABNORMAL) == "active"


def test_k_of_more_than_n_windows_do_not() -> None:
    bed = Bedside(finding_k=3, finding_n=4)
    for abnormal in (0.9, 0.1, 0.1, 0.9, 0.9):
        bed.windows(1, abnormal=abnormal)
    assert bed.standing(ABNORMAL) == "pending"


def test_an_event_says_the_value_the_limit_and_who() -> None:
    bed = Bedside()
    bed.windows(2, bpm=134.2)
    event = bed.events[-1]
    assert (event.cause, event.value, event.limit, event.unit) == (
        "HR 134 > 120",
        134.2,
        120,
        "bpm",
    )
    assert (event.actor, event.patient_id, event.bed) == ("heartward", "p1", "12")
    assert (event.state_from, event.state_to, event.transition_no) == ("pending", "active", 2)
    assert event.strip is not None
    assert event.audio is not None
    assert decode(AlarmEvent, encode(event)) == event


def test_a_value_between_the_limits_neither_raises_nor_clears() -> None:
    bed = Bedside()
    bed.windows(2, bpm=125)
    bed.windows(10, bpm=117)
    assert bed.standing("tachycardia") == "active"
    bed.windows(3, bpm=114)  # one more than clear, for the rate is followed smoothly
    assert told(bed.events) == ["pending", "raised*", "cleared"]


def test_a_slow_heart_is_another_alarm_than_a_fast_one() -> None:
    bed = Bedside()
    bed.windows(2, bpm=40)
    assert bed.events[-1].cause == "HR 40 < 50"
    assert [episode.condition for episode in bed.state.episodes] == ["bradycardia"]


@pytest.mark.parametrize("verdict", ["poor", "unusable"])
def test_a_poor_window_neither_raises_nor_clears(verdict: str) -> None:
    bed = Bedside(poor_signal_priority=0)
    bed.windows(20, abnormal=0.99, bpm=200, verdict=verdict)
    assert bed.events == []
    bed.windows(2, abnormal=0.9)
    bed.windows(20, verdict=verdict)
    assert bed.standing(ABNORMAL) == "active"


def test_abstained_and_shadow_findings_never_count() -> None:
    bed = Bedside()
    bed.windows(5, abnormal=0.99, abstained=True)
    bed.windows(5, abnormal=0.99, shadow=True)
    assert bed.events == []


@pytest.mark.parametrize("bpm", [0.0, 400.0, -5.0, float("nan"), float("inf"), None])
def test_an_impossible_rate_says_nothing(bpm: float | None) -> None:
    bed = Bedside()
    bed.windows(5, bpm=bpm)
    assert bed.events == []


def test_too_many_poor_windows_are_an_alarm_of_their_own() -> None:
    bed = Bedside()
    bed.windows(3, verdict="poor", reasons=("2 % of the sound is clipped",))
    assert bed.standing("poor_signal") == "active"
    assert bed.events[-1].kind == "technical"
    assert bed.events[-1].cause == "signal poor: 2 % of the sound is clipped"
    bed.windows(2)
    assert bed.standing("poor_signal") == "inactive"


def test_no_heart_with_contact_is_high_and_latches() -> None:
    bed = Bedside()
    bed.status(contact=True)
    bed.windows(2, verdict="unusable", reasons=(SILENCE,))
    assert bed.events[-1].priority == "high"
    bed.windows(3)
    assert bed.standing("heart_lost") == "latched"
    bed.windows(3, verdict="unusable", reasons=(SILENCE,))
    assert bed.standing("heart_lost") == "active"
    bed.windows(3)
    bed.act("acknowledge")
    wanted = ["pending", "raised*", "latched", "returned", "latched", "acknowledged"]
    assert told(bed.events, "heart_lost") == wanted
    assert bed.standing("heart_lost") == "inactive"


@pytest.mark.parametrize("contact", [False, None])
def test_no_heart_without_contact_is_no_alarm_of_the_heart(contact: bool | None) -> None:
    bed = Bedside()
    bed.status(contact=contact)
    bed.windows(2, verdict="unusable", reasons=(SILENCE,))
    assert bed.standing("heart_lost") == "inactive"


def test_noise_over_the_beats_is_not_a_lost_heart() -> None:
    bed = Bedside()
    bed.status(contact=True)
    bed.windows(9, verdict="unusable", reasons=("a steady noise covers the beats",))
    assert bed.standing("heart_lost") == "inactive"


def test_a_low_battery_is_told_at_once_and_with_hysteresis() -> None:
    bed = Bedside()
    bed.status(battery_fraction=0.14)
    bed.status(battery_fraction=0.18)
    assert told(bed.events) == ["raised*"]
    assert bed.events[0].cause == "battery 14% < 15%"
    bed.status(battery_fraction=0.9)
    assert told(bed.events) == ["raised*", "cleared"]


def test_a_clock_that_is_off_is_told_either_way() -> None:
    bed = Bedside()
    bed.stats(clock_offset_s=-7.5)
    assert bed.events[-1].cause == "clock 7.5 s behind, more than 5 s"
    bed.stats(clock_offset_s=None)
    assert bed.standing("clock_off") == "active"
    bed.stats(clock_offset_s=1.0)
    assert bed.standing("clock_off") == "inactive"


def test_an_acknowledged_alarm_is_silent_and_ends_with_its_condition() -> None:
    bed = Bedside()
    bed.windows(2, abnormal=0.9)
    bed.act("acknowledge")
    assert bed.events[-1].actor == "nurse"
    bed.windows(10, abnormal=0.9)
    bed.windows(2)
    assert told(bed.events) == ["pending", "raised*", "acknowledged", "cleared"]


def test_one_alarm_of_several_can_be_acknowledged() -> None:
    bed = Bedside()
    bed.windows(2, abnormal=0.9, bpm=150)
    alarm = bed.alarm("tachycardia")
    assert alarm is not None
    bed.act("acknowledge", episode_id=alarm.episode_id)
    assert bed.standing("tachycardia") == "acknowledged"
    assert bed.standing(ABNORMAL) == "active"


def test_an_action_on_what_is_not_there_says_so() -> None:
    bed = Bedside()
    bed.act("acknowledge", episode_id="gone")
    assert bed.events == []
    assert bed.note is not None
    assert "acknowledge of nurse does nothing at d1: no such alarm is open" in bed.note


def test_the_same_action_twice_counts_once() -> None:
    bed = Bedside()
    bed.windows(2, abnormal=0.9)
    bed.act("acknowledge", action_id="x")
    bed.wait(2000)  # by now it has reminded
    bed.act("acknowledge", action_id="x")
    assert bed.standing(ABNORMAL) == "active"


def test_the_same_window_twice_counts_once() -> None:
    bed = Bedside()
    bed.windows(1, abnormal=0.9)
    bed.index -= 1
    bed.windows(1, abnormal=0.9)
    assert told(bed.events) == ["pending"]


def test_a_device_that_starts_anew_counts_from_its_first_window() -> None:
    bed = Bedside()
    bed.windows(5)
    bed.index = 0
    bed.windows(2, abnormal=0.9, boot_id=8)
    assert told(bed.events) == ["pending", "raised*"]


def test_repetitions_of_an_earlier_boot_do_not_count() -> None:
    bed = Bedside()
    bed.windows(5)
    bed.index = 0
    bed.windows(2, boot_id=8)
    before = bed.state
    bed.give(window(99, at_s=bed.now_s - 10, abnormal=0.99))
    assert msgspec.structs.replace(bed.state, clock_us=before.clock_us) == before


def test_discharge_ends_what_is_open_for_all_to_see() -> None:
    bed = Bedside()
    bed.status(contact=True)
    bed.windows(2, abnormal=0.9, verdict="good")
    bed.act("pause_audio")
    bed.assignment = None
    bed.wait(1)
    ended = [event for event in bed.events if event.transition == "ended"]
    assert [event.condition for event in ended] == [ABNORMAL, "audio_pause"]
    assert ended[0].cause.startswith("discharged, or the device was taken off: ")
    assert {event.assignment_id for event in ended} == {"a1"}
    assert (bed.state.episodes, bed.state.assignment_id) == ((), None)


def test_sound_of_the_patient_before_does_not_count_for_the_next() -> None:
    bed = Bedside()
    bed.windows(1, abnormal=0.9)
    bed.assignment = msgspec.structs.replace(ANN, assignment_id="a2", patient_id="p2")
    bed.windows(5, abnormal=0.9, assignment_id="a1")
    assert told(bed.events) == ["pending", "ended"]
    bed.windows(2, abnormal=0.9)
    assert bed.events[-1].patient_id == "p2"
    assert bed.events[-1].transition_no == 2


def test_a_device_that_nobody_is_assigned_to_still_raises() -> None:
    bed = Bedside(assignment=None)
    bed.windows(2, abnormal=0.9)
    assert bed.events[-1].assignment_id is None
    assert told(bed.events) == ["pending", "raised*"]


def test_an_alarm_that_is_turned_off_ends() -> None:
    bed = Bedside()
    bed.windows(2, abnormal=0.9)
    bed.limits = Bedside(finding_priority=0).limits
    bed.windows(3, abnormal=0.9)
    assert told(bed.events)[-1] == "ended"
    assert bed.standing(ABNORMAL) == "inactive"


def test_refused_limits_are_an_alarm() -> None:
    bed = Bedside()
    bed.give(Tick(None), refusal="limits of assignment a1: nonsense; the ward's limits hold")
    bed.give(Tick(None), refusal="limits of assignment a1: nonsense; the ward's limits hold")
    assert told(bed.events) == ["raised*"]
    bed.give(Tick(None))
    assert told(bed.events) == ["raised*", "cleared"]


def test_a_quiet_device_has_a_small_state() -> None:
    bed = Bedside()
    bed.windows(100)
    assert bed.state.counts == {}
    assert len(encode(bed.state)) < 500


def test_counting_goes_on_after_a_restart() -> None:
    bed = Bedside(finding_k=3, finding_n=4)
    bed.windows(2, abnormal=0.9)
    bed.restart()
    bed.windows(1, abnormal=0.9)
    assert told(bed.events) == ["pending", "raised*"]
    assert bed.events[-1].at_us == us(bed.now_s)
