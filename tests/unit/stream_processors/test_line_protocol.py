"""What is written is what is read, whatever the text; what cannot be written is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RecordError
from stream_processors.line_protocol import Field, parse, point

PLAIN = st.text(
    st.characters(blacklist_categories=["Cc", "Cs"], blacklist_characters="\\"), min_size=1
)


@given(PLAIN, PLAIN)
def test_any_text_comes_back_as_tag_and_stays_within_its_field(tag: str, text: str) -> None:
    line = point("alarm", {"bed": tag}, {"cause": text, "n": 3}, 17)
    read = parse(line)
    assert read.tags == {"bed": tag}
    assert read.fields["n"] == "3i"
    assert set(read.fields) == {"cause", "n"}
    assert read.time_us == 17


def test_each_type_is_written_as_the_database_reads_it() -> None:
    fields: dict[str, Field] = {"a": 1, "b": 1.5, "c": True, "d": 'x "y"', "e": None}
    assert point("m", {"t": None}, fields, 5) == 'm a=1i,b=1.5,c=true,d="x \\"y\\"" 5'


def test_control_characters_cannot_begin_another_line() -> None:
    line = point("m", {"t": "a\nb"}, {"f": "c\nd\re"}, 5)
    assert "\n" not in line
    assert "\r" not in line


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused_by_its_name(value: float) -> None:
    with pytest.raises(RecordError, match="count_x"):
        point("m", {}, {"count_x": value, "y": 1.0}, 5)


def test_a_point_that_says_nothing_is_refused() -> None:
    with pytest.raises(RecordError, match="says nothing"):
        point("m", {}, {"x": None}, 5)
