"""The document of a headless run, and a file that is there whole or not at all."""

import json
import resource
from pathlib import Path

import pytest
from msgspec import structs

from deploy.measurement import JsonFile, Measurement
from models.errors import UserError
from stream_processors.records import STAGES, DeadLetter
from tests.unit.dashboards.terminal.examples import NOW_US, at, clock_of, result


def _document(measurement: Measurement, expected: list[tuple[str, int, int]]) -> dict[str, object]:
    return measurement.document(
        beds=2, seconds=20.0, chunks_sent=40, chunks_received=41, expected=expected
    )


def test_it_holds_what_was_measured_under_the_agreed_names() -> None:
    measurement = Measurement(started_us=at(-9))
    measurement.take(result("a", 0), NOW_US, at(0.25))
    measurement.take(result("a", 0), at(1), at(1))
    measurement.take(result("b", 3, late=True), at(2), at(2))
    letter = DeadLetter(at_us=NOW_US, stage="bridge", reason="r", topic="t", payload=b"")
    measurement.take(letter, NOW_US, NOW_US)
    expected = [("a", 1, 0), ("a", 1, 1), ("b", 1, 3)]
    assert measurement.summary(expected) == (
        "first result after 9.2 s, all 2 beds after 11.0 s; 3 windows expected, 1 lost"
    )
    document = _document(measurement, expected)
    latency = document.pop("latency_ms")
    assert document == {
        "clock_offset_ms": None,
        "beds": 2,
        "seconds": 20.0,
        "first_result_s": 9.25,
        "beds_reporting": 2,
        "chunks_sent": 40,
        "chunks_received": 41,
        "windows_expected": 3,
        "windows_classified": 2,
        "windows_lost": 1,
        "dead_letters": 1,
    }
    assert isinstance(latency, dict)
    assert tuple(latency) == STAGES
    assert latency["capture_to_received"] is None
    assert latency["end_to_end"] == {"p50": 900.0, "p95": 900.0, "p99": 900.0}


def test_clocks_are_reported_apart_and_do_not_change_how_long_anything_took() -> None:
    measurement = Measurement(started_us=at(-9))
    for device_id, offset_us in (("a", -9_000_000), ("b", 1_000_000), ("c", 2_000_000)):
        measurement.take(clock_of(device_id, offset_us), NOW_US, NOW_US)
        true = result(device_id, 0)
        captured_us = true.stages.captured_us + offset_us
        stages = structs.replace(true.stages, captured_us=captured_us)
        measurement.take(structs.replace(true, stages=stages), NOW_US, NOW_US)
    measurement.take(result("unknown", 0), NOW_US, NOW_US)
    document = _document(measurement, [])
    assert document["clock_offset_ms"] == {"p50": 2000.0, "max": 9000.0}
    latency = document["latency_ms"]
    assert isinstance(latency, dict)
    assert latency["capture_to_received"] == {"p50": 100.0, "p95": 100.0, "p99": 100.0}


def test_a_run_without_results_says_so() -> None:
    nothing = Measurement(started_us=0)
    assert nothing.summary([]) == "no result came"
    document = _document(nothing, [])
    assert document["first_result_s"] is None
    assert document["latency_ms"] == {}


def test_the_file_appears_whole(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    with JsonFile(file) as out:
        assert not file.exists()
        out.write({"beds": 1})
    assert json.loads(file.read_text()) == {"beds": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_an_abandoned_file_leaves_nothing(tmp_path: Path) -> None:
    with JsonFile(tmp_path / "out.json"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_known_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.* cannot be written .*: make the folder .*json"):
        JsonFile(tmp_path / "nowhere" / "out.json")


def test_a_full_disk_is_known_before_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(UserError, match=r"out.json cannot be written .*large.*: name another"):
            JsonFile(tmp_path / "out.json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a plain file: name another"):
        JsonFile(tmp_path)
    assert list(tmp_path.iterdir()) == []
