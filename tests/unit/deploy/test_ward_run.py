"""What has happened is told line by line, and a crash with the words of the one that crashed."""

import pytest

from deploy.supervisor import PartState, Phase
from deploy.ward_run import Notices, of_a_crash


def test_several_crashes_at_once_are_all_told_and_forgotten_one_by_one() -> None:
    notices = Notices()
    for at_s, what in enumerate(("zero", "one", "two", "three")):
        notices.add(what, float(at_s))
    assert notices.since(0.0) == ("one", "two", "three")
    assert notices.since(2.5) == ("three",)


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("worker-1", 1, "worker-1 exits with 1; it is started again: no model"),
        ("worker-1", -9, "worker-1 was ended by SIGKILL; it is started again"),
        ("mqtt", -9, "mqtt was ended by SIGKILL, its memory is lost; it is started again"),
    ],
)
def test_a_crash_is_told_with_its_reason(name: str, code: int, told: str) -> None:
    state = PartState(name, Phase.WAITING, None, 1, code)
    assert of_a_crash(state, "no model") == told
