"""What happens by itself, and when."""

from typing import Any

import pytest

from stream_processors.alarms.events import shelf_id
from tests.unit.stream_processors.alarms.bedside import HOP_S, SILENCE, Bedside, told, us

ABNORMAL = "finding/screen/abnormal"


def raised(**limits: Any) -> Bedside:
    bed = Bedside(**limits)
    bed.windows(2, abnormal=0.9)
    return bed


def test_an_audio_pause_has_a_visible_end_of_two_minutes() -> None:
    bed = raised()
    began_s = bed.now_s
    bed.act("pause_audio")
    assert bed.events[-1].until_us == us(began_s + 120)
    assert bed.events[-1].cause == "sound is paused for 120 s"
    bed.wait(121)
    assert told(bed.events)[-2:] == ["paused", "resumed*"]
    assert bed.events[-1].at_us == bed.events[-1].due_us == us(began_s + 120)


@pytest.mark.parametrize("asked_s", [600.0, 1e12])
def test_no_pause_is_longer_than_two_minutes(asked_s: float) -> None:
    bed = raised()
    bed.act("pause_audio", until_s=bed.now_s + asked_s)
    assert bed.events[-1].until_us == us(bed.now_s + 120)


def test_a_pause_that_is_over_already_does_nothing() -> None:
    bed = raised()
    before = len(bed.events)
    bed.act("pause_audio", until_s=bed.now_s - 1)
    assert len(bed.events) == before
    assert bed.note is not None


def test_what_is_raised_in_a_pause_rings_at_its_end() -> None:
    bed = raised()
    bed.act("pause_audio")
    bed.windows(4, abnormal=0.9, bpm=130)  # the third is believed
    assert told(bed.events, "tachycardia") == ["pending", "raised"]
    bed.windows(50, abnormal=0.9, bpm=130)
    assert told(bed.events, "tachycardia") == ["pending", "raised", "rang*"]


def test_a_higher_priority_breaks_through_a_pause() -> None:
    bed = raised()
    bed.act("pause_audio")
    bed.status(contact=True)
    bed.windows(2, verdict="unusable", reasons=(SILENCE,))
    assert told(bed.events)[-3:] == ["pending", "broken", "raised*"]
    assert bed.standing("audio_pause") == "inactive"


def test_sound_can_be_resumed_before_the_end() -> None:
    bed = raised()
    bed.act("pause_audio")
    bed.act("resume")
    assert told(bed.events)[-1] == "resumed*"
    assert bed.events[-1].actor == "nurse"


def test_an_acknowledged_alarm_that_goes_on_rings_again() -> None:
    bed = raised(remind_medium_s=180)
    bed.act("acknowledge")
    due_s = bed.now_s + 180
    bed.windows(100, abnormal=0.9)
    assert told(bed.events) == ["pending", "raised*", "acknowledged", "reminded*"]
    assert bed.events[-1].due_us == bed.events[-1].at_us == us(due_s)


def test_low_priority_is_never_brought_back() -> None:
    bed = Bedside()
    bed.status(battery_fraction=0.1)
    bed.act("acknowledge")
    bed.wait(10_000)
    assert told(bed.events) == ["raised*", "acknowledged"]


def test_nobody_answers_so_it_escalates_twice_and_no_more() -> None:
    bed = raised(escalate_medium_s=100)
    bed.windows(200, abnormal=0.9)
    escalated = [event for event in bed.events if event.transition == "escalated"]
    assert [event.escalation for event in escalated] == [1, 2]
    assert [event.due_us for event in escalated] == [us(105), us(205)]
    assert escalated[0].cause == "nobody has answered: screen abnormal 0.90 >= 0.84"


def test_who_answers_ends_the_escalation() -> None:
    bed = raised(escalate_medium_s=100, remind_medium_s=0)
    bed.act("acknowledge")
    bed.windows(200, abnormal=0.9)
    assert told(bed.events)[-1] == "acknowledged"


@pytest.mark.parametrize("condition", [ABNORMAL, "tachycardia"])
def test_pauses_again_and_again_put_no_escalation_off(condition: str) -> None:
    """Neither of what rang before the first, nor of what is raised in one and never rings."""
    bed = raised(escalate_medium_s=100)
    bed.act("pause_audio")
    bed.windows(4, abnormal=0.9, bpm=130)  # the third is believed
    raised_at = next(
        e.at_us for e in bed.events if (e.transition, e.condition) == ("raised", condition)
    )
    for _ in range(10):
        bed.wait(60)
        bed.act("pause_audio")
    escalated = [e for e in bed.events if e.transition == "escalated" and e.condition == condition]
    assert [(e.escalation, e.at_us - raised_at) for e in escalated] == [(1, 100e6), (2, 200e6)]
    assert "resumed*" not in told(bed.events)


def test_what_is_raised_late_and_in_a_pause_escalates_from_the_end_of_the_backlog_on() -> None:
    bed = raised(escalate_medium_s=100)
    bed.act("pause_audio")
    bed.wall_s = 60
    bed.windows(4, abnormal=0.9, bpm=130)
    assert told(bed.events, "tachycardia") == ["pending", "raised"]
    bed.now_s = 70
    bed.wait(20)
    bed.act("pause_audio")
    bed.wait(100)
    assert told(bed.events, "tachycardia") == ["pending", "raised", "escalated"]
    assert us(170) <= bed.events[-1].at_us <= us(172)


def test_an_end_of_a_pause_begins_no_new_wait_for_an_answer() -> None:
    bed = raised(escalate_medium_s=130)
    bed.act("pause_audio")
    bed.windows(4, abnormal=0.9, bpm=130)
    raised_us = bed.events[-1].at_us
    bed.wait(300)
    assert told(bed.events, "tachycardia")[1:4] == ["raised", "rang*", "escalated"]
    escalated = [event for event in bed.events if event.transition == "escalated"]
    assert escalated[1].at_us == raised_us + 130_000_000


def test_a_latched_alarm_escalates_too() -> None:
    bed = Bedside()
    bed.status(contact=True)
    bed.windows(2, verdict="unusable", reasons=(SILENCE,))
    bed.windows(2)
    bed.wait(60)
    assert told(bed.events, "heart_lost")[-1] == "escalated"
    assert bed.standing("heart_lost") == "latched"


def test_a_shelved_alarm_is_silent_until_its_end() -> None:
    bed = raised()
    bed.act("shelve", until_s=bed.now_s + 600)
    until_us = bed.events[-1].until_us
    bed.windows(400, abnormal=0.9)
    assert told(bed.events) == ["pending", "raised*", "shelved", "unshelved*", "escalated"]
    assert bed.events[3].due_us == until_us


def test_what_is_raised_on_the_shelf_stays_silent() -> None:
    bed = raised()
    bed.act("shelve", until_s=bed.now_s + 600)
    bed.windows(3)
    bed.windows(3, abnormal=0.9)
    assert told(bed.events)[-3:] == ["cleared", "pending", "raised"]
    assert bed.standing(ABNORMAL) == "shelved"
    bed.wait(600)
    assert "unshelved*" in told(bed.events)


def test_a_shelf_whose_condition_is_over_is_taken_back_by_itself() -> None:
    bed = raised()
    bed.windows(4, abnormal=0.9, bpm=130)
    bed.act("shelve")
    bed.windows(6)
    assert not bed.state.episodes
    until_us = bed.state.shelves[ABNORMAL]
    bed.act("resume", episode_id=shelf_id("d1", ABNORMAL, until_us))
    assert bed.note is None
    assert list(bed.state.shelves) == ["tachycardia"]
    bed.windows(4, abnormal=0.9, bpm=130)
    assert told(bed.events)[-4:] == ["pending", "raised*", "pending", "raised"]
    assert bed.standing(ABNORMAL) == "active"
    assert bed.standing("tachycardia") == "shelved"


def test_what_lifted_an_earlier_shelf_lifts_no_later_one() -> None:
    bed = raised()
    bed.act("shelve", until_s=bed.now_s + 600)
    before = shelf_id("d1", ABNORMAL, bed.state.shelves[ABNORMAL])
    bed.act("shelve", until_s=bed.now_s + 900)
    bed.act("resume", episode_id=before)
    assert bed.note is not None
    assert bed.standing(ABNORMAL) == "shelved"


def test_in_standby_nothing_is_raised_and_its_end_is_visible() -> None:
    bed = raised()
    bed.act("standby", until_s=bed.now_s + 300)
    assert told(bed.events)[-2:] == ["ended", "standby"]
    bed.windows(100, abnormal=0.9, bpm=180)
    bed.status(battery_fraction=0.01)
    assert told(bed.events)[-2:] == ["ended", "standby"]
    bed.windows(30, abnormal=0.9)
    assert told(bed.events)[-3:] == ["resumed", "pending", "raised*"]


def test_standby_has_an_end_even_if_nobody_gives_one() -> None:
    bed = Bedside()
    bed.act("standby", until_s=1e9)
    assert bed.events[-1].until_us == us(4 * 3600)
    bed.act("standby")
    assert bed.events[-1].until_us == us(1800)
    bed.act("resume")
    assert bed.standing("standby") == "inactive"


def test_a_pending_alarm_without_good_windows_lapses() -> None:
    bed = Bedside(poor_signal_priority=0)
    bed.windows(1, abnormal=0.9)
    bed.windows(60, verdict="poor")
    assert told(bed.events) == ["pending", "lapsed"]
    bed.windows(1, abnormal=0.9)
    assert bed.standing(ABNORMAL) == "pending"


def test_a_device_not_heard_is_offline_until_it_is() -> None:
    bed = Bedside()
    bed.windows(2)
    bed.wait(29, whole_s=0)
    assert bed.events == []
    bed.wait(1, whole_s=0)
    assert told(bed.events) == ["raised*"]
    assert bed.events[0].cause == "not heard for 30 s"
    assert bed.events[0].due_us == us(2 * HOP_S + 30)
    bed.windows(1)
    assert told(bed.events) == ["raised*", "cleared"]


def test_a_device_never_heard_of_is_offline() -> None:
    bed = Bedside()
    bed.wait(40, whole_s=-1000)
    assert told(bed.events, "offline") == ["raised*"]


def test_nobody_is_offline_while_the_path_is_broken_or_has_just_healed() -> None:
    bed = Bedside()
    bed.windows(2)
    bed.wait(100)
    assert bed.events == []
    bed.wait(29, whole_s=bed.now_s)
    assert bed.events == []


def test_a_device_without_a_patient_is_never_offline() -> None:
    bed = Bedside(assignment=None)
    bed.windows(2)
    bed.wait(100, whole_s=0)
    assert bed.events == []


def test_timers_survive_a_restart() -> None:
    bed = raised(remind_medium_s=180)
    bed.act("acknowledge")
    bed.restart()
    bed.wait(181)
    assert told(bed.events)[-1] == "reminded*"


def test_timers_fire_in_the_order_in_which_they_were_due() -> None:
    bed = raised(escalate_medium_s=100)
    bed.windows(4, abnormal=0.9, bpm=130)  # the third is believed
    bed.now_s += 1000
    bed.wait(1)
    due = [event.due_us for event in bed.events if event.due_us is not None]
    assert due == sorted(due)
    assert len(due) == 4


def test_words_do_not_pile_up_with_reminders_and_escalations() -> None:
    bed = raised(remind_medium_s=100, escalate_medium_s=50)
    for _ in range(3):
        bed.windows(60, abnormal=0.9)
        bed.act("acknowledge")
    words = {event.cause for event in bed.events if event.transition in ("reminded", "escalated")}
    assert words == {
        "still so: screen abnormal 0.90 >= 0.84",
        "nobody has answered: screen abnormal 0.90 >= 0.84",
    }
