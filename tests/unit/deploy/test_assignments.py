"""An assignment names a device that can exist, and beds and patients that can be read."""

import pytest

from deploy.assignments import new_assignment
from models.errors import UserError

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
