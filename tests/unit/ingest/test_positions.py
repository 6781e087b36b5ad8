"""What the bridge tells a device is never more than what Kafka holds, and in the end all of it."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.positions import MAX_ISLANDS, StoredPosition

# (first, end, kept_from) of chunks of a device in any order, with repeats, overlaps and holes.
spans = st.builds(
    lambda first, length, back: (first, first + length, max(0, first - back)),
    st.integers(0, 60),
    st.integers(1, 12),
    st.integers(0, 60),
)


class Model:
    """The same as a plain set of samples."""

    def __init__(self, kept_from: int) -> None:
        self.floor = kept_from
        self.held: set[int] = set()

    def add(self, first: int, end: int, kept_from: int) -> bool:
        self.floor = max(self.floor, kept_from)
        span = {sample for sample in range(first, end) if sample >= self.stored_to}
        new = not span <= self.held
        self.held |= set(range(first, end))
        return new

    @property
    def stored_to(self) -> int:
        position = self.floor
        while position in self.held:
            position += 1
        return position


@given(st.lists(spans, min_size=1, max_size=40))
def test_stored_position_equals_that_of_a_plain_set_in_any_order(
    arrivals: list[tuple[int, int, int]],
) -> None:
    position, model = StoredPosition(arrivals[0][2]), Model(arrivals[0][2])

    for arrival in arrivals:
        assert position.add(*arrival) == model.add(*arrival)
        assert position.stored_to == model.stored_to


@given(st.lists(spans, min_size=1, max_size=40))
def test_the_position_never_goes_back(arrivals: list[tuple[int, int, int]]) -> None:
    position = StoredPosition(0)
    before = 0

    for arrival in arrivals:
        position.add(*arrival)
        assert position.stored_to >= before
        before = position.stored_to


@given(st.integers(1, 30), st.data())
def test_once_every_chunk_is_stored_nothing_is_missing(chunks: int, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(chunks)))
    repeats = data.draw(st.lists(st.sampled_from(range(chunks)), max_size=10))
    position = StoredPosition(0)

    for number in (*order, *repeats):
        position.add(number * 2000, (number + 1) * 2000, 0)

    assert position.stored_to == chunks * 2000
    assert position.missing_samples == 0


def test_a_hole_holds_the_position_until_it_is_filled() -> None:
    position = StoredPosition(0)

    position.add(0, 2000, 0)
    position.add(4000, 6000, 0)
    assert (position.stored_to, position.missing_samples) == (2000, 2000)

    position.add(2000, 4000, 0)
    assert (position.stored_to, position.missing_samples) == (6000, 0)


def test_a_bridge_that_has_just_started_searches_from_what_the_device_still_keeps() -> None:
    position = StoredPosition(10_000)

    position.add(14_000, 16_000, 10_000)
    assert position.stored_to == 10_000

    position.add(10_000, 14_000, 10_000)
    assert position.stored_to == 16_000


def test_what_the_device_gave_up_is_lost_and_no_longer_waited_for() -> None:
    position = StoredPosition(0)
    position.add(0, 2000, 0)
    position.add(6000, 8000, 0)

    position.add(12_000, 14_000, 10_000)

    assert position.stored_to == 10_000
    assert position.lost_samples == 4000 + 2000
    assert position.missing_samples == 6000 + 2000


def test_a_chunk_known_whole_is_a_duplicate_and_one_known_in_part_is_not() -> None:
    position = StoredPosition(0)
    position.add(4000, 6000, 0)

    assert not position.add(4000, 6000, 0)
    assert not position.add(4500, 5000, 0)
    assert position.add(5000, 7000, 0)


def test_memory_is_bounded_however_many_holes_there_are() -> None:
    position = StoredPosition(0)
    for number in range(10 * MAX_ISLANDS):
        position.add(2 * number + 1, 2 * number + 2, 0)

    assert len(position._starts) == MAX_ISLANDS
    assert position.stored_to == 0

    for number in range(MAX_ISLANDS):
        position.add(2 * number, 2 * number + 1, 0)
    assert position.stored_to == 2 * MAX_ISLANDS
