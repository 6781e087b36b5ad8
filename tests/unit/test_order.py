"""The order in which the tests' own files begin."""

from types import SimpleNamespace
from typing import Any

from tests.conftest import LONGEST_FIRST, TESTS, pytest_collection_modifyitems


def test_the_files_that_begin_first_are_there() -> None:
    assert [name for name in LONGEST_FIRST if not (TESTS / name).is_file()] == []


def test_the_longest_begin_first_and_all_others_stay_in_their_order() -> None:
    other = ["unit/test_b.py", "unit/test_a.py"]
    items: list[Any] = [
        SimpleNamespace(path=TESTS / name) for name in (*other, *reversed(LONGEST_FIRST))
    ]
    pytest_collection_modifyitems(items)
    names = [str(item.path.relative_to(TESTS)) for item in items]
    assert names == [*LONGEST_FIRST, *other]
