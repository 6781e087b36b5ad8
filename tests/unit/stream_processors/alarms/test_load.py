"""Figures of a period, counted by hand."""

from typing import Any

import pytest

from stream_processors.alarms.load import load_of, patient_hours
from stream_processors.records import AlarmEvent, Assignment
from tests.reports import alarm_event

HOUR_US = 3_600_000_000


def event(episode: str, no: int, transition: str, at_s: float, **said: Any) -> AlarmEvent:
    given: dict[str, Any] = {
        "event_id": f"{episode}{no}",
        "episode_id": episode,
        "transition_no": no,
        "patient_id": "p1",
        "at_us": round(at_s * 1e6),
        "transition": transition,
        "rings": False,
    }
    return alarm_event(**(given | said))


EVENTS = [
    event("a", 1, "pending", 0),
    event("a", 2, "raised", 10, rings=True),
    event("a", 2, "raised", 10, rings=True),  # sent again after a restart
    event("a", 3, "acknowledged", 40, actor="nurse"),
    event("a", 4, "reminded", 200, rings=True),
    event("b", 1, "pending", 0),
    event("b", 2, "lapsed", 5),
    event("c", 1, "raised", 0, patient_id="p2", condition="poor_signal", priority="low"),
    event("d", 1, "raised", 0, rings=True),
    event("e", 1, "raised", 0, rings=True, device_id="_pipeline", condition="sink_down/i"),
    event("f", 1, "paused", 0, condition="audio_pause"),
]


def test_an_alarm_is_what_was_raised_and_counts_once() -> None:
    load = load_of(EVENTS, patient_hours=6.0)
    assert (load.alarms, load.rings, load.pipeline_alarms) == (3, 3, 1)
    assert load.per_patient_hour == 0.5
    assert load.acknowledged == pytest.approx(1 / 3)
    assert load.acknowledged_s == 30


def test_rows_are_by_condition_and_priority() -> None:
    load = load_of(EVENTS, patient_hours=6.0)
    assert [(row.condition, row.priority, row.alarms) for row in load.rows] == [
        ("tachycardia", "medium", 2),
        ("poor_signal", "low", 1),
    ]
    assert load.rows[0].acknowledged == 0.5


def test_the_patients_who_cause_most_come_first() -> None:
    load = load_of(EVENTS, patient_hours=6.0)
    shares = [(p.patient_id, p.alarms, round(p.share, 2)) for p in load.patients]
    assert shares == [("p1", 2, 0.67), ("p2", 1, 0.33)]


def test_nothing_in_no_time_is_no_rate() -> None:
    load = load_of([], patient_hours=0.0)
    assert (load.alarms, load.per_patient_hour, load.acknowledged_s) == (0, None, None)


def test_patient_hours_are_what_lies_in_the_period() -> None:
    def worn(from_h: float, until_h: float | None) -> Assignment:
        return Assignment(
            assignment_id="a",
            device_id="d",
            patient_id="p",
            ward="w",
            bed="1",
            from_us=round(from_h * HOUR_US),
            until_us=None if until_h is None else round(until_h * HOUR_US),
        )

    worn_ones = [worn(0, 5), worn(4, None), worn(20, 30), worn(0, 1)]
    assert patient_hours(worn_ones, from_us=2 * HOUR_US, until_us=6 * HOUR_US) == 3 + 2
