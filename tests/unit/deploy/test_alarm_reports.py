"""`heartward alarms report` and `replay` from a file, as a person calls them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.alarm_reports import Period, replay, report
from ingest.connections import KafkaConnection
from models.errors import ConfigurationError, UserError
from stream_processors.alarms.machine import step
from stream_processors.alarms.turn import Moment
from stream_processors.record_files import KeptRecord, write_file
from stream_processors.records import AlarmState, Record, encode
from tests.unit.stream_processors.alarms.bedside import ANN, QUICK, us, window

HOP_S = 2.5


def kept(topic: str, at_s: float, given: Record, key: str = "d1") -> KeptRecord:
    return KeptRecord(topic, us(at_s), key.encode(), encode(given))


def results(number: int) -> list[KeptRecord]:
    """An hour's worth of fast hearts every other minute, if there are enough of them."""
    return [
        kept(
            "pcg.results",
            HOP_S * (k + 1),
            window(k, at_s=HOP_S * (k + 1), bpm=130 if k // 24 % 2 else 80),
        )
        for k in range(number)
    ]


@pytest.fixture
def shift(tmp_path: Path) -> Period:
    """An hour of one patient, with the alarms that it had."""
    state = AlarmState(device_id="d1")
    events = []
    for k in range(100):
        at_s = HOP_S * (k + 1)
        given = window(k, at_s=at_s, bpm=130)
        state, made, _ = step(state, given, Moment(us(at_s), us(at_s), ANN, QUICK))
        events += [kept("pcg.alarms", at_s, event) for event in made]
    file = tmp_path / "shift"
    write_file([kept("pcg.assignments", 0, ANN, "a1"), *results(1440), *events], file)
    return Period(kafka=KafkaConnection.model_construct(), hours=1.0, file=file)


def shown(capsys: pytest.CaptureFixture[str]) -> Any:
    return msgspec.json.decode(capsys.readouterr().out)


def test_a_report_counts_by_patient_hours(
    shift: Period, capsys: pytest.CaptureFixture[str]
) -> None:
    report(shift, as_json=True)
    told = shown(capsys)["of the period"]
    assert (told["alarms"], told["acknowledged"]) == (1, 0.0)
    assert told["patient_hours"] == pytest.approx(1.0, abs=0.01)
    assert told["rows"][0]["condition"] == "tachycardia"
    assert told["patients"][0]["patient_id"] == "p1"


def test_a_report_for_people_says_what_this_is(
    shift: Period, capsys: pytest.CaptureFixture[str]
) -> None:
    report(shift, as_json=False)
    text = capsys.readouterr().out
    assert "1 alarms in 1.00 patient-hours" in text
    assert "p1 (west, bed 12): 1 alarms, 100%" in text
    assert "Research software, not a medical device." in text


def test_a_replay_shows_both_limits_side_by_side(
    shift: Period, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wider = tmp_path / "wider.toml"
    wider.write_text("tachycardia_bpm = 140\n")
    replay(shift, wider, None, as_json=True)
    told = shown(capsys)
    assert told["in force"]["alarms"] == 30
    assert told["wider.toml"]["alarms"] == 0
    assert told["in force"]["acknowledged"] is None


def test_the_files_limits_replace_those_of_the_assignments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, empty = tmp_path / "shift", tmp_path / "none.toml"
    own = msgspec.structs.replace(ANN, limits={"tachycardia_bpm": 150.0})
    write_file([kept("pcg.assignments", 0, own, "a1"), *results(100)], file)
    empty.write_text("")
    period = Period(kafka=KafkaConnection.model_construct(), hours=1.0, file=file)
    replay(period, empty, None, as_json=True)
    told = shown(capsys)
    assert told["in force"]["alarms"] == 0
    assert told["none.toml"]["alarms"] > 0


def test_nonsense_limits_are_refused_before_anything_is_read(shift: Period, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.toml"
    nonsense.write_text("tachycardia_bpm = 7\n")
    with pytest.raises(ConfigurationError, match="tachycardia_bpm 7 is not in 60 to 215"):
        replay(shift, nonsense, None, as_json=True)


def test_a_period_without_results_is_no_replay(tmp_path: Path) -> None:
    write_file([], tmp_path / "empty")
    (tmp_path / "l.toml").write_text("")
    period = Period(kafka=KafkaConnection.model_construct(), hours=1.0, file=tmp_path / "empty")
    with pytest.raises(UserError, match="no results were recorded"):
        replay(period, tmp_path / "l.toml", None, as_json=True)
