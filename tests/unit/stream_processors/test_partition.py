from collections.abc import Iterable

import pytest

from models.errors import BadInputError
from stream_processors.partition import Partition
from stream_processors.windows import Window
from tests.unit.stream_processors.logs import Sent, log_of, record_of, sent


def partition(*, history: bool = False) -> Partition:
    return Partition("pcg.audio", 3, history=history)


def steady(device_id: str, seconds: Iterable[int], *, received_after_s: float = 1.0) -> list[Sent]:
    return [sent(device_id, n, 1.0, received_s=n + received_after_s) for n in seconds]


def read(reader: Partition, chunks: Iterable[Sent], *, settle: bool = False) -> list[Window]:
    windows = []
    for offset, chunk in enumerate(chunks, start=reader.next_offset):
        windows += reader.step(record_of(chunk, offset))
    if settle:
        for window in windows:
            reader.settle(window.oldest_offset)
    return windows


def named(windows: Iterable[Window]) -> list[tuple[str, int]]:
    return [(window.key.device_id, window.index) for window in windows]


def by_time(*devices: list[Sent]) -> list[Sent]:
    return sorted((c for chunks in devices for c in chunks), key=lambda c: c.received_s)


def test_devices_interleave_without_touching_each_other() -> None:
    alone = read(partition(), steady("a", range(20)))
    among = read(partition(), by_time(steady("a", range(20)), steady("b", range(20))))

    assert [w.earlier.raw.tobytes() for w in among if w.key.device_id == "a"] == [
        w.earlier.raw.tobytes() for w in alone
    ]


def test_the_commit_stays_within_window_pre_roll_and_chunk_of_steady_devices() -> None:
    reader = partition()
    read(reader, by_time(steady("a", range(100)), steady("b", range(100))), settle=True)

    assert reader.next_offset - reader.committable() <= 2 * (5 + 0.5 + 1 + 1)


def test_nothing_is_committable_past_a_window_whose_result_is_not_stored() -> None:
    reader = partition()
    windows = read(reader, steady("a", range(60)))
    for window in windows[1:]:
        reader.settle(window.oldest_offset)
    assert reader.committable() == 0
    reader.settle(windows[0].oldest_offset)
    assert reader.committable() >= 50


def test_a_device_that_falls_silent_is_released_after_30_s_of_log_time() -> None:
    reader = partition()
    silent, other = steady("a", range(9)), steady("b", range(100))
    before = [c for c in by_time(silent, other) if c.received_s <= 39]
    after = [c for c in by_time(silent, other) if c.received_s > 39]

    # Nothing but the first chunk of `b` after 9 s + 30 s can say that `a` is silent.
    assert ("a", 2) not in named(read(reader, before, settle=True))
    assert reader.committable() <= 18
    windows = [w for w in read(reader, after[:1], settle=True) if w.key.device_id == "a"]

    assert named(windows) == [("a", 2)]  # 5 to 10 s, of which the last second never came
    assert windows[0].gap_fraction == pytest.approx(0.2)
    assert reader.counters.silences == 1
    assert reader.counters.withheld == 1  # 7.5 to 12.5 s: most of it is missing
    read(reader, after[1:], settle=True)
    assert reader.committable() > 100


def test_an_outage_of_everything_is_no_silence_of_a_device() -> None:
    before = by_time(steady("a", range(9)), steady("b", range(9)))
    after = by_time(steady("a", range(9, 20)), steady("b", range(9, 20)))
    later = [chunk._replace(received_s=chunk.received_s + 600) for chunk in after]
    reader = partition()
    windows = read(reader, before + later)

    assert reader.counters.silences == 0
    assert [w.index for w in windows if w.key.device_id == "a"] == list(range(7))
    assert all(w.gap_fraction == 0 for w in windows)


def test_after_a_silence_a_device_starts_afresh() -> None:
    chunks = steady("a", range(6)) + steady("a", range(50, 60), received_after_s=-9)
    windows = read(partition(), chunks)

    assert [w.index for w in windows] == [0, 1, 21, 22]


def test_after_a_jump_of_more_than_30_s_a_device_starts_afresh_at_once() -> None:
    reader = partition()
    windows = read(reader, steady("a", range(6)) + steady("a", range(37, 47), received_after_s=-30))

    assert [w.index for w in windows] == [0, 1, 15, 16]
    assert reader.counters.jumps == 1


def test_a_jump_of_30_s_is_a_gap() -> None:
    reader = partition()
    windows = read(reader, steady("a", range(6)) + steady("a", range(36, 46), received_after_s=-29))

    assert [w.index for w in windows] == [0, 1, 14, 15, 16]
    assert [w.gap_fraction for w in windows] == pytest.approx([0, 0.3, 0.2, 0, 0])
    assert reader.counters.jumps == 0


def test_a_reboot_starts_afresh_without_waiting_for_the_past() -> None:
    before = steady("a", range(7))
    after = [chunk._replace(boot_id=8, received_s=chunk.received_s + 7) for chunk in before]
    windows = read(partition(), before + after)

    assert [(w.key.boot_id, w.index) for w in windows] == [(7, 0), (8, 0)]


def test_an_old_chunk_from_before_a_reboot_disturbs_nothing() -> None:
    before = steady("a", range(7))
    after = [c._replace(boot_id=8, received_s=c.received_s + 7) for c in steady("a", range(10))]
    straggler = sent("a", 7, 1.0, received_s=10.5)
    windows = read(partition(), [*before, *after[:3], straggler, *after[3:]])

    assert [(w.key.boot_id, w.index) for w in windows] == [(7, 0), (7, 1), (8, 0), (8, 1), (8, 2)]


def test_a_device_that_goes_back_for_good_is_heard_again_after_30_s() -> None:
    # A position that leaps by hours and comes back: a fault of the device.
    chunks = steady("a", range(5))
    chunks.append(sent("a", 9999, 1.0, received_s=6))
    chunks += steady("a", range(5, 60), received_after_s=2)
    reader = partition()
    windows = read(reader, chunks)

    assert reader.counters.duplicates == 30
    assert windows[-1].index == 22


def test_counts_what_it_refuses() -> None:
    reader = partition()
    first = steady("a", range(3))
    gap = [sent("a", 4, 1.0, received_s=5)]
    late = [sent("a", 3, 1.0, received_s=9)]
    overlap = [sent("a", 4.5, 1.0, received_s=9.5)]
    read(reader, [*first, *gap, first[1]._replace(received_s=8), *late, *overlap])

    counters = reader.counters
    assert (counters.chunks, counters.duplicates, counters.late, counters.conflicts) == (7, 1, 1, 1)


def test_a_chunk_cut_anew_is_objected_to_with_its_position_and_what_it_overlaps() -> None:
    reader = partition()
    read(reader, steady("a", range(3)))
    assert reader.objection is None
    read(reader, [sent("a", 2.5, 1.0, received_s=4)])

    assert reader.objection is not None
    assert "the chunk of samples 5000 to 6999 of boot 7 overlaps others in part" in reader.objection
    assert "samples 5000 to 5999 were taken or given up before" in reader.objection


def test_a_chunk_that_overlaps_one_that_waits_names_what_they_share() -> None:
    reader = partition()
    read(reader, [*steady("a", [0, 3]), sent("a", 2.5, 1.0, received_s=4.5)])

    assert reader.objection is not None
    assert "samples 6000 to 6999 were taken" in reader.objection


def test_a_repetition_and_a_late_chunk_are_counted_only() -> None:
    reader = partition()
    read(reader, [*steady("a", [0, 1, 3]), sent("a", 1, 1.0, received_s=5)])
    assert (reader.counters.duplicates, reader.objection) == (1, None)
    read(reader, [*steady("b", [8]), sent("a", 2, 1.0, received_s=9.5)])
    assert (reader.counters.late, reader.objection) == (1, None)


def test_a_record_that_was_taken_before_brings_no_objection_again() -> None:
    reader = partition()
    log = log_of([*steady("a", range(3)), sent("a", 2.5, 1.0, received_s=4)])
    for record in log:
        reader.step(record)
    reader.step(log[-1])

    assert reader.objection is None


def test_a_chunk_in_conflict_is_held_until_its_dead_letter_is_stored() -> None:
    reader = partition()
    chunks = [*steady("a", range(3)), sent("a", 2.5, 1.0, received_s=3.5)]
    later = [c._replace(received_s=c.received_s + 1) for c in steady("a", range(3, 40))]
    read(reader, [*chunks, *later], settle=True)

    assert reader.committable() <= 3
    reader.settle(3)
    assert reader.committable() > 30


def test_history_speaks_only_of_what_it_has_whole() -> None:
    chunks = steady("a", [*range(10), *range(12, 30)])
    live = read(partition(), chunks)
    history = read(partition(history=True), chunks)

    assert {w.index for w in live} - {w.index for w in history} == {3, 4}
    assert all(w.gap_fraction == 0 for w in history)


@pytest.mark.parametrize("overtaken_by", [1, 2])
def test_a_boot_whose_first_chunk_is_overtaken_has_its_first_window(overtaken_by: int) -> None:
    first, *rest = steady("a", range(10))
    chunks = [*rest[:overtaken_by], first._replace(received_s=2.9), *rest[overtaken_by:]]
    windows, undisturbed = read(partition(), chunks), read(partition(), [first, *rest])

    assert named(windows) == named(undisturbed)
    assert [w.earlier.raw.tobytes() for w in windows] == [
        w.earlier.raw.tobytes() for w in undisturbed
    ]


def test_to_wait_for_an_earlier_chunk_delays_no_window() -> None:
    reader = partition()
    chunks = steady("a", range(3600, 3620))
    windows = [(named(read(reader, [chunk])), chunk.received_s) for chunk in chunks]

    # Window 1441 covers 3602.5 to 3607.5 s.
    assert next(found for found in windows if found[0]) == ([("a", 1441)], 3608)
    assert all(window.gap_fraction == 0 for window in read(partition(), chunks))


def test_a_hole_in_history_is_filled_when_that_stretch_comes_again() -> None:
    chunks = steady("a", [*range(8), *range(9, 20)])
    again = [sent("a", n, 1.0, received_s=30 + n / 8) for n in range(2, 15)]
    reader = partition(history=True)
    before, after = read(reader, chunks), read(reader, again)

    assert [w.index for w in before] == [0, 1, 4, 5, 6]
    assert {2, 3} <= {w.index for w in after}
    assert reader.counters.returns == 1
    assert read(partition(), [*chunks, *again])[-1].index == 6


def test_bad_input_is_held_until_somebody_has_it() -> None:
    reader = partition()
    good, bad = log_of(steady("a", range(2)))
    reader.step(good)
    with pytest.raises(BadInputError):
        reader.step(bad._replace(value=b"\xc1"))

    assert reader.counters.refused == 1
    assert reader.snapshot().next_offset == 2
    reader.settle(bad.offset)
    assert reader.committable() == 0  # the good one is still needed


def test_a_device_may_change_its_rate_without_a_reboot() -> None:
    slow = [sent("a", n, 1.0, received_s=n + 1, rate=2000) for n in range(6)]
    fast = [sent("a", n, 1.0, received_s=n + 1, rate=8000) for n in range(6, 13)]
    windows = read(partition(), slow + fast)

    assert [(w.key.sample_rate_hz, w.index) for w in windows] == [(2000, 0), (8000, 3)]


def test_the_timer_queue_does_not_grow_with_the_chunks() -> None:
    reader = partition()
    swapped = [c for n in range(0, 2000, 2) for c in steady("a", (n + 1, n))]
    read(reader, [c._replace(received_s=n) for n, c in enumerate(swapped)], settle=True)

    assert len(reader._timers) < 40


def test_a_snapshot_says_how_far_each_lane_is() -> None:
    reader = partition()
    read(reader, steady("a", range(7)), settle=True)
    snapshot = reader.snapshot()

    ((key, next_sample, next_window),) = snapshot.lanes
    assert (key.device_id, next_sample, next_window) == ("a", 14_000, 1)
    assert (snapshot.next_offset, snapshot.committable) == (7, 2)
