"""Positions in these tests count hundreds of samples: chunk 3 is samples 300 to 399."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_processors.arrivals import Arrival
from stream_processors.reorder import (
    REORDER_WAIT_US,
    AwakeClock,
    Departure,
    Refusal,
    Reorder,
)
from tests.unit.stream_processors.logs import arrival

RATE_HZ = 1000
SECOND_US = 1_000_000


def chunk(number: int) -> Arrival:
    return arrival(number * 100, 100)


class Device:
    """Feeds chunks by their numbers and notes which were delivered."""

    def __init__(self, first: int = 0) -> None:
        self.reorder: Reorder[Arrival] = Reorder(first * 100, RATE_HZ)
        self.delivered: list[int] = []

    def receives(self, *numbers: int, at_us: int = 0) -> "Device":
        for number in numbers:
            assert self.reorder.refusal(chunk(number)) is None
            self._note(self.reorder.step(chunk(number), at_us, after_offset=0))
        return self

    def passes(self, now_us: int) -> "Device":
        self._note(self.reorder.give_up(now_us))
        return self

    def _note(self, delivered: Sequence[Arrival]) -> None:
        self.delivered += [arrival.first_sample // 100 for arrival in delivered]


def test_delivers_chunks_in_order_at_once() -> None:
    assert Device().receives(0, 1, 2).delivered == [0, 1, 2]


def test_mends_a_swap_without_waiting_longer_than_needed() -> None:
    device = Device().receives(0, 2, 3)
    assert device.delivered == [0]
    assert device.receives(1).delivered == [0, 1, 2, 3]


def test_gives_a_hole_up_after_two_seconds_of_log_time() -> None:
    device = Device().receives(0, 2).passes(REORDER_WAIT_US)
    assert device.delivered == [0]
    assert device.passes(REORDER_WAIT_US + 1).delivered == [0, 2]


def test_what_comes_after_its_place_was_given_up_is_late() -> None:
    device = Device().receives(0, 2).passes(REORDER_WAIT_US + 1)
    assert device.reorder.refusal(chunk(1)) is Refusal.LATE


def test_only_holes_before_a_chunk_that_waited_enough_are_given_up() -> None:
    device = Device().receives(0, 2).receives(4, at_us=SECOND_US)
    assert device.passes(REORDER_WAIT_US + 1).delivered == [0, 2]
    assert device.receives(3, at_us=REORDER_WAIT_US + 2).delivered == [0, 2, 3, 4]


def test_a_chunk_that_waits_is_never_overtaken_by_its_own_past() -> None:
    # 5 came before 3: once 5 has waited enough, the hole before 3 goes with it.
    device = Device().receives(0, 5).receives(3, at_us=SECOND_US)
    assert device.passes(REORDER_WAIT_US + 1).delivered == [0, 3, 5]


def test_a_burst_does_not_wait_for_time_that_may_never_pass() -> None:
    # 5 s of sound are 50 chunks: the log's clock stands still, the sound itself is the clock.
    device = Device().receives(0, *range(10, 60))
    assert device.delivered == [0]
    assert device.receives(60).delivered == [0, *range(10, 61)]


def test_no_more_sound_waits_than_that_behind_however_many_holes() -> None:
    device = Device().receives(0, 2, 4, 6)
    delivered = device.reorder.step(arrival(800, 4850), 0, after_offset=0)
    assert [chunk.first_sample for chunk in delivered] == [200, 400]  # 4950 samples wait on


def test_a_repetition_is_a_duplicate_whether_delivered_or_waiting() -> None:
    device = Device().receives(0, 1, 3)
    assert device.reorder.refusal(chunk(1)) is Refusal.DUPLICATE
    assert device.reorder.refusal(chunk(3)) is Refusal.DUPLICATE


def test_a_chunk_that_overlaps_another_in_part_is_a_conflict() -> None:
    device = Device().receives(0, 3)
    assert device.reorder.refusal(arrival(50, 100)) is Refusal.CONFLICT
    assert device.reorder.refusal(arrival(250, 100)) is Refusal.CONFLICT
    assert device.reorder.refusal(arrival(350, 100)) is Refusal.CONFLICT
    assert device.reorder.refusal(arrival(100, 200)) is None


@pytest.mark.parametrize(
    ("first", "shared"), [(50, (50, 100)), (250, (300, 350)), (350, (350, 400))]
)
def test_a_conflict_is_over_the_samples_that_came_before(
    first: int, shared: tuple[int, int]
) -> None:
    assert Device().receives(0, 3).reorder.overlap(arrival(first, 100)) == shared


def test_a_first_chunk_that_was_overtaken_is_still_the_first() -> None:
    device = Device(first=1).receives(1, 2)
    assert device.delivered == []
    assert device.receives(0, at_us=REORDER_WAIT_US).delivered == [0, 1, 2]


def test_without_an_earlier_chunk_it_begins_where_it_was_seen_first_and_sees_no_gap() -> None:
    device = Device(first=50).receives(50, 51).passes(REORDER_WAIT_US)
    assert device.delivered == []
    assert device.passes(REORDER_WAIT_US + 1).delivered == [50, 51]
    assert device.reorder.refusal(chunk(49)) is Refusal.DUPLICATE


def test_a_beginning_waits_for_no_more_sound_than_a_hole() -> None:
    device = Device(first=1).receives(*range(1, 51))
    assert device.delivered == []
    assert device.receives(51).delivered == list(range(1, 52))


def test_a_hole_right_behind_the_beginning_waits_its_own_time() -> None:
    device = Device(first=5).receives(5).receives(7, at_us=SECOND_US).passes(REORDER_WAIT_US + 1)
    assert device.delivered == [5]
    assert device.receives(6, at_us=REORDER_WAIT_US + 1).delivered == [5, 6, 7]


def test_what_lies_too_far_before_the_first_chunk_was_never_asked_for() -> None:
    device = Device(first=400).receives(400)
    assert device.reorder.refusal(chunk(99)) is Refusal.DUPLICATE
    assert device.receives(101).receives(100).passes(REORDER_WAIT_US + 1).delivered[:2] == [
        100,
        101,
    ]


def test_more_than_30_s_ahead_a_chunk_begins_a_new_order() -> None:
    reorder = Device().receives(0).reorder
    assert reorder.departure(chunk(301), history=False) is None
    assert reorder.departure(arrival(30_101, 100), history=False) is Departure.JUMP


def test_history_that_begins_again_further_back_begins_a_new_order() -> None:
    # A window and its pre-roll are 55 chunks: from 25 on it could be the same stretch of sound.
    reorder = Device().receives(*range(10), *range(11, 80)).reorder
    assert reorder.departure(chunk(10), history=True) is Departure.RETURN
    assert reorder.departure(chunk(25), history=True) is Departure.RETURN
    assert reorder.departure(chunk(26), history=True) is None
    assert reorder.departure(chunk(10), history=False) is None


def test_a_chunk_that_fills_a_hole_is_no_return_however_far_back_it_lies() -> None:
    reorder = Device().receives(*range(10), *range(60, 70)).reorder
    assert reorder.departure(chunk(10), history=True) is None
    assert reorder.departure(chunk(9), history=True) is Departure.RETURN


@pytest.mark.parametrize(
    ("received_us", "awake_us"),
    [
        ((5, 6, 8), 3),
        ((5, 8, 6, 9), 4),  # of two bridges
        ((5, 5 + 2_000_000, 5 + 900_000_000), 4_000_000),  # an outage of everything
    ],
)
def test_the_clock_by_which_devices_are_judged_stands_still_while_nothing_comes(
    received_us: Sequence[int], awake_us: int
) -> None:
    clock = AwakeClock()
    for moment_us in received_us:
        clock.move_to(moment_us)
    assert clock.awake_us == awake_us
    assert clock.log_us == max(received_us)


def _move(clock: AwakeClock, from_s: int, for_s: int) -> int:
    """A record a second; returns by how much the clock has moved."""
    before_us = clock.awake_us
    for second in range(from_s, from_s + for_s):
        clock.move_to(second * 1_000_000)
    return clock.awake_us - before_us


def test_time_goes_on_soon_after_a_bridges_clock_was_set_back_by_an_hour() -> None:
    clock = AwakeClock()
    _move(clock, 7200, 60)
    assert _move(clock, 3600, 100) == pytest.approx(100e6, abs=12e6)


def test_a_bridge_whose_clock_is_behind_does_not_hurry_time() -> None:
    clock = AwakeClock()
    _move(clock, 7200, 1)
    for second in range(60):
        _move(clock, 3600 + second, 1)
        _move(clock, 7201 + second, 1)
    assert clock.awake_us == 60_000_000


def test_flush_delivers_all_that_waits() -> None:
    device = Device().receives(0, 2, 5, 4)
    assert [a.first_sample for a in device.reorder.flush()] == [200, 400, 500]
    assert device.reorder.due_us is None


@given(
    order=st.permutations(list(range(12))),
    lost=st.sets(st.integers(1, 11), max_size=6),
    step_us=st.integers(0, 3 * SECOND_US),
)
def test_delivers_ascending_and_accounts_for_every_chunk(
    order: list[int], lost: set[int], step_us: int
) -> None:
    reorder: Reorder[Arrival] = Reorder(0, RATE_HZ)
    delivered, refused = [], 0
    for now, number in enumerate(number for number in order if number not in lost):
        delivered += reorder.give_up(now * step_us)
        if reorder.refusal(chunk(number)) is None:
            delivered += reorder.step(chunk(number), now * step_us, after_offset=now)
        else:
            refused += 1
    delivered += reorder.flush()

    positions = [arrival.first_sample for arrival in delivered]
    assert positions == sorted(set(positions))
    assert len(delivered) + refused == 12 - len(lost)
