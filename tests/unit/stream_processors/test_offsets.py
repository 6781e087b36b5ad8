from hypothesis import given
from hypothesis import strategies as st

from stream_processors.offsets import OffsetGate


def arrived(*offsets: int) -> OffsetGate:
    gate = OffsetGate()
    for offset in offsets:
        gate.arrive(offset)
        gate.hold(offset)
    return gate


def test_nothing_is_committable_before_the_first_offset_is_finished() -> None:
    assert arrived(5, 6, 7).committable() == 5


def test_what_finishes_early_waits_for_what_came_before() -> None:
    gate = arrived(5, 6, 7)
    gate.release(6)
    assert gate.committable() == 5
    gate.release(5)
    assert gate.committable() == 7
    gate.release(7)
    assert gate.committable() == 8


def test_offsets_that_nobody_holds_are_finished() -> None:
    gate = arrived(0)
    gate.arrive(1)
    gate.arrive(4)  # compaction and control records leave holes
    gate.release(0)
    assert gate.committable() == 5


def test_an_offset_held_twice_is_released_twice() -> None:
    gate = arrived(0, 1)
    gate.hold(0)
    gate.release(0)
    assert gate.committable() == 0
    gate.release(0)
    assert gate.committable() == 1


def test_no_reader_begins_between_a_chunk_and_its_repetition() -> None:
    gate = arrived(3, 4, 5)
    gate.arrive(6)
    gate.forbid_start(after=3, last=6)  # 6 repeats what 3 or one before it said
    gate.release(3)
    gate.release(4)
    assert gate.committable() == 3
    gate.release(5)
    assert gate.committable() == 7


def test_forbidden_spans_chain() -> None:
    gate = arrived(*range(1, 10))
    gate.forbid_start(after=1, last=4)
    gate.forbid_start(after=4, last=9)
    for offset in range(1, 9):
        gate.release(offset)
    assert gate.committable() == 1


def test_finished_spans_are_forgotten() -> None:
    gate = arrived(0)
    for offset in range(1, 1000):
        gate.arrive(offset)
        gate.forbid_start(after=offset - 1, last=offset)
    gate.release(0)
    assert gate.committable() == 1000
    assert not gate._no_start


@given(data=st.data(), count=st.integers(1, 40))
def test_never_names_an_offset_with_anything_unfinished_before_it(
    data: st.DataObject, count: int
) -> None:
    gate = OffsetGate()
    held: list[int] = []
    last = 0
    for offset in range(count):
        gate.arrive(offset)
        for _ in range(data.draw(st.integers(0, 2))):
            gate.hold(offset)
            held.append(offset)
        for _ in range(data.draw(st.integers(0, len(held)))):
            released = held.pop(data.draw(st.integers(0, len(held) - 1)))
            gate.release(released)
        assert last <= gate.committable() == min(held, default=offset + 1)
        last = gate.committable()
