"""An assignment names a device that can exist, and beds and patients that can be read."""

import msgspec
import pytest

from deploy.assignments import ended, new_assignment
from models.errors import UserError
from stream_processors.records import Assignment

_GOOD = {"device_id": "d-1", "patient_id": "pseudonym-7", "ward": "Süd 3", "bed": "12"}


def test_what_is_said_is_assigned_from_now_on() -> None:
    made = new_assignment(now_us=5, **_GOOD)
    assert (made.assignment_id, made.from_us, made.until_us) == ("d-1-5", 5, None)
    assert (made.patient_id, made.ward, made.bed) == ("pseudonym-7", "Süd 3", "12")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("device_id", "d 1/+", "'d 1/+' is no device id: 1 to 64"),
        ("device_id", "", "'' is no device id"),
        ("patient_id", "", "--patient '' is not 1 to 64"),
        ("ward", "  ", "--ward '  ' is not 1 to 64"),
        ("bed", "1\n2", r"--bed '1\n2' is not 1 to 64 printable"),
        ("bed", "x" * 65, f"--bed '{'x' * 65}' is not 1 to 64"),
    ],
)
def test_nonsense_is_refused_in_one_line(field: str, value: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        new_assignment(now_us=5, **(_GOOD | {field: value}))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def _from(now_us: int, device_id: str = "d-1") -> Assignment:
    return new_assignment(now_us=now_us, **(_GOOD | {"device_id": device_id}))


def test_all_that_is_in_force_of_a_device_ends_and_nothing_else() -> None:
    past = msgspec.structs.replace(_from(1), until_us=2)
    known = [past, _from(3), _from(4), _from(4, "d-2"), _from(9)]
    over = ended(known, "d-1", now_us=5)
    assert [(each.from_us, each.until_us) for each in over] == [(3, 5), (4, 5)]


def test_there_must_be_something_to_end() -> None:
    with pytest.raises(UserError, match="nobody wears 'd-1'"):
        ended([_from(3, "d-2")], "d-1", now_us=5)
