"""Of two versions of a window the fuller stays, in whatever order they come."""

from itertools import permutations

import pytest

from stream_processors.records import WindowResult, identity
from stream_processors.versions import (
    Held,
    Identity,
    fullest,
    held,
    is_contested,
    questions,
    to_write,
)
from tests.results import START_US, window_result

LIVE_FULL = window_result()
LIVE_GAPPY = window_result(gap_fraction=0.4, start_us=START_US + 3)
LATE_FULL = window_result(late=True)
LATE_GAPPY = window_result(late=True, gap_fraction=0.2, start_us=START_US + 1)
VERSIONS = (LIVE_FULL, LIVE_GAPPY, LATE_FULL, LATE_GAPPY)


class Database:
    """Remembers of each window what the real one would answer."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, int], WindowResult] = {}

    def take(self, *batch: WindowResult) -> None:
        there = self._held()
        for place in fullest(batch):
            result = batch[place]
            known = there.get(identity(result)) if is_contested(result) else None
            writes = to_write(result, known)
            if writes is not None:
                self.points[writes.device_id, writes.start_us] = writes

    def _held(self) -> dict[Identity, Held]:
        return {identity(r): Held(r.gap_fraction, r.late, r.start_us) for r in self.points.values()}


@pytest.mark.parametrize("order", [*permutations((LIVE_GAPPY, LATE_GAPPY, LATE_FULL))])
def test_the_fuller_version_stays_as_one_point(order: tuple[WindowResult, ...]) -> None:
    one_by_one, together = Database(), Database()
    for result in order:
        one_by_one.take(result)
    together.take(*order)
    for database in (one_by_one, together):
        (point,) = database.points.values()
        assert (point.gap_fraction, point.late) == (0.0, True)


def test_a_replayed_gappy_window_does_not_return() -> None:
    database = Database()
    for result in (LIVE_GAPPY, LATE_FULL, LIVE_GAPPY, LATE_GAPPY, LIVE_GAPPY):
        database.take(result)
    assert [point.gap_fraction for point in database.points.values()] == [0.0]


@pytest.mark.parametrize("order", [*permutations((LIVE_FULL, LATE_FULL))])
def test_of_two_full_versions_the_live_one_stays(order: tuple[WindowResult, ...]) -> None:
    database = Database()
    for result in order:
        database.take(result)
    assert [point.late for point in database.points.values()] == [False]


def test_of_equals_the_last_stays() -> None:
    assert fullest([LIVE_FULL, LIVE_FULL]) == [1]


def test_windows_of_other_devices_and_boots_are_others() -> None:
    others = [window_result("d2"), window_result(boot_id=8), window_result(window_index=1)]
    assert fullest([LIVE_FULL, *others]) == [0, 1, 2, 3]


def test_only_a_live_window_without_a_gap_is_beyond_doubt() -> None:
    assert [is_contested(version) for version in VERSIONS] == [False, True, True, True]


def test_the_later_version_takes_the_place_of_the_earlier() -> None:
    written = to_write(LATE_FULL, Held(0.4, late=False, start_us=START_US + 3))
    assert written is not None
    assert written.start_us == START_US + 3


def test_one_question_covers_the_windows_of_a_boot() -> None:
    late = [window_result(window_index=k, late=True) for k in (9, 4, 6)]
    (question,) = questions(late)
    assert (question.device_id, question.boot_id) == ("d1", 7)
    assert "device = 'd1' AND boot_id = 7" in question.statement
    assert "window_index >= 4 AND window_index <= 9" in question.statement
    assert len(questions([*late, window_result("d2"), window_result(boot_id=8)])) == 3


def test_a_question_cannot_be_broken_out_of() -> None:
    (question,) = questions([window_result(r"d'; DROP \' x")])
    assert r"device = 'd\'; DROP \\\' x' AND" in question.statement


def test_the_answer_names_the_best_version_of_each_window() -> None:
    asked = questions([window_result("d1"), window_result("d2")])
    answer = {
        "results": [
            {"statement_id": 0},
            {
                "statement_id": 1,
                "series": [
                    {"values": [[50, 3, 0.4, False], [51, 3, 0.0, True], [90, 4, 0.0, False]]}
                ],
            },
        ]
    }
    assert held(asked, answer) == {
        ("d2", 7, 3): Held(0.0, late=True, start_us=51),
        ("d2", 7, 4): Held(0.0, late=False, start_us=90),
    }
