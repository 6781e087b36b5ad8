"""A result becomes points whose tags are stable and whose fields are whole."""

import math
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RecordError
from stream_processors.line_protocol import parse
from stream_processors.points import lines, require_finite
from stream_processors.records import Quality
from tests.results import FINDING, HEART, PUBLISHED_US, window_result


def test_a_finding_becomes_one_point_at_the_windows_start() -> None:
    result = window_result(window_index=4)
    measurement, tags, fields, time_us = parse(lines(result, PUBLISHED_US)[0])
    assert measurement == "heart"
    assert tags == {"bed": "12", "device": "d1", "model": "screen", "ward": "west"}
    assert fields == {
        "probability_normal": "0.25",
        "probability_abnormal": "0.75",
        "abstained": "false",
        "quality": "0.8",
        "gap_fraction": "0.0",
        "late": "false",
        "rate_bpm": "72.5",
        "rate_confidence": "0.9",
        "boot_id": "7i",
        "window_index": "4i",
    }
    assert time_us == result.start_us


def test_the_latency_of_every_stage_becomes_one_point() -> None:
    measurement, tags, fields, _ = parse(lines(window_result(), PUBLISHED_US)[-1])
    assert (measurement, tags) == ("latency", {"bed": "12", "device": "d1", "ward": "west"})
    assert fields == {
        "capture_to_received_ms": "100.0",
        "received_to_windowed_ms": "100.0",
        "windowed_to_inferred_ms": "100.0",
        "inferred_to_published_ms": "100.0",
        "end_to_end_ms": "300.0",
    }


def test_the_same_window_always_becomes_the_same_point() -> None:
    first = window_result()
    again = window_result(
        late=True,
        findings=(msgspec.structs.replace(FINDING, version="2", probability=0.1),),
        stages=msgspec.structs.replace(first.stages, inferred_us=first.start_us + 9_000_000),
    )
    assert [parse(line)[:2] for line in lines(first, PUBLISHED_US)] == [
        parse(line)[:2] for line in lines(again, PUBLISHED_US + 9_000_000)
    ]


def test_who_wears_the_device_is_never_written() -> None:
    result = window_result(patient_id="pseudonym-17", assignment_id="assignment-5")
    text = "\n".join(lines(result, PUBLISHED_US))
    assert "pseudonym-17" not in text
    assert "assignment-5" not in text


def test_a_model_in_shadow_is_kept_apart_from_the_active_one() -> None:
    shadow = msgspec.structs.replace(FINDING, version="2", shadow=True)
    points = lines(window_result(findings=(FINDING, shadow)), PUBLISHED_US)
    assert [parse(line)[0] for line in points] == ["heart", "heart_shadow", "latency"]


@pytest.mark.parametrize("findings", [(), (msgspec.structs.replace(FINDING, shadow=True),)])
def test_a_window_without_an_active_finding_still_has_its_quality(findings: object) -> None:
    points = [parse(line) for line in lines(window_result(findings=findings), PUBLISHED_US)]
    (heart,) = (point for point in points if point[0] == "heart")
    assert "model" not in heart[1]
    assert heart[2]["quality"] == "0.8"


def test_a_device_that_is_not_assigned_has_no_ward_and_no_bed() -> None:
    result = window_result(ward=None, bed=None)
    assert parse(lines(result, PUBLISHED_US)[0])[1] == {"device": "d1", "model": "screen"}


def test_without_a_rate_its_confidence_is_nought() -> None:
    fields = parse(lines(window_result(heart=None), PUBLISHED_US)[0])[2]
    assert fields["rate_confidence"] == "0.0"
    assert "rate_bpm" not in fields


def test_whole_numbers_are_still_written_as_floats() -> None:
    certain = msgspec.structs.replace(FINDING, probabilities={"normal": 1, "abnormal": 0})
    fields = parse(lines(window_result(findings=(certain,)), PUBLISHED_US)[0])[2]
    assert fields["probability_normal"] == "1.0"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"gap_fraction": math.nan}, "gap_fraction nan"),
        ({"quality": Quality(score=math.inf, verdict="good")}, "quality inf"),
        ({"heart": msgspec.structs.replace(HEART, rate_bpm=math.nan)}, "rate_bpm nan"),
        ({"heart": msgspec.structs.replace(HEART, confidence=-math.inf)}, "rate_confidence -inf"),
        (
            {"findings": (msgspec.structs.replace(FINDING, probabilities={"AS": math.nan}),)},
            "screen probability_AS nan",
        ),
    ],
)
def test_a_number_that_is_not_finite_is_refused_by_name(
    changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(RecordError, match=f"^not finite: {re.escape(named)}$"):
        require_finite(window_result(**changes))


def test_a_finite_result_is_not_refused() -> None:
    require_finite(window_result())


@given(ward=st.text(min_size=1), bed=st.text(min_size=1), label=st.text(min_size=1))
def test_any_text_stays_within_its_tag_or_field(ward: str, bed: str, label: str) -> None:
    odd = msgspec.structs.replace(FINDING, probabilities={label: 0.5})
    points = lines(window_result(ward=ward, bed=bed, findings=(odd,)), PUBLISHED_US)
    assert all(len(line.splitlines()) <= 1 or "\n" not in line for line in points)
    _, tags, fields, _ = parse(points[0])
    assert set(tags) == {"bed", "device", "model", "ward"}
    assert sum(name.startswith("probability_") for name in fields) == 1


@pytest.mark.parametrize("text", ["a b", "a,b", "a=b", r"a\b", r"a\,b", '"west"', "Küche 3 ♥"])
def test_ordinary_text_comes_back_unchanged(text: str) -> None:
    assert parse(lines(window_result(ward=text), PUBLISHED_US)[0])[1]["ward"] == text


@pytest.mark.parametrize(("text", "written"), [("a\nb", "a_b"), ("a\\", "a_"), ("\x00\x7f", "__")])
def test_what_line_protocol_cannot_say_is_replaced(text: str, written: str) -> None:
    assert parse(lines(window_result(ward=text), PUBLISHED_US)[0])[1]["ward"] == written
