"""What a bridge knows of its devices, and when it speaks of them."""

from ingest.chunk import AudioChunk, DeviceTopic, Lane
from ingest.fleet import FORGET_AFTER_US, Arrival, Fleet
from stream_processors.records import DeviceStats

SECOND_US = 1_000_000
START_US = 1_790_000_000 * SECOND_US


def fleet(max_devices: int = 100) -> Fleet:
    return Fleet(
        bridge="test",
        ack_after_us=2 * SECOND_US,
        stats_after_us=10 * SECOND_US,
        max_devices=max_devices,
    )


def arrival(
    device_id: str = "d1",
    *,
    first: int = 0,
    boot_id: int = 7,
    kept_from: int = 0,
    lane: Lane = Lane.AUDIO,
    at_us: int = START_US,
    group: str = "a",
) -> Arrival:
    chunk = AudioChunk(
        boot_id=boot_id,
        seq=first // 2000,
        first_sample=first,
        kept_from_sample=kept_from,
        captured_at_us=at_us - SECOND_US - 3000,
        sample_rate_hz=2000,
        samples=b"",
    )
    return Arrival.of(DeviceTopic(group, device_id, lane), at_us, chunk, 2000)


def stored_to(it: Fleet, now_us: int) -> int:
    ((_, ack),) = it.all_acks(now_us)
    return ack.stored_to_sample


def stats_of(it: Fleet, device_id: str, now_us: int) -> DeviceStats:
    return {stats.device_id: stats for stats in it.due_stats(now_us)}[device_id]


def test_acks_a_device_two_seconds_after_its_chunk_with_what_is_stored_by_then() -> None:
    it = fleet()
    it.stored(arrival(first=0), START_US)
    it.stored(arrival(first=2000), START_US + SECOND_US)

    assert list(it.due_acks(START_US + 2 * SECOND_US - 1)) == []
    ((topic, ack),) = it.due_acks(START_US + 2 * SECOND_US)

    assert topic == "pcg/v1/a/d1/ack"
    assert (ack.boot_id, ack.stored_to_sample) == (7, 4000)
    assert ack.bridge_time_us == START_US + 2 * SECOND_US
    assert list(it.due_acks(START_US + 60 * SECOND_US)) == []


def test_what_fills_a_hole_on_the_live_lane_counts_while_the_lane_waits_for_it() -> None:
    it = fleet()
    it.stored(arrival(first=0), START_US)
    it.stored(arrival(first=4000, at_us=START_US + SECOND_US), START_US + SECOND_US)
    in_time_us = START_US + 3 * SECOND_US

    assert it.stored(arrival(first=2000, at_us=in_time_us), in_time_us)
    assert stored_to(it, in_time_us) == 6000


def test_what_fills_a_hole_on_the_live_lane_too_late_counts_only_as_history() -> None:
    it = fleet()
    it.stored(arrival(first=0), START_US)
    it.stored(arrival(first=4000), START_US)
    late_us = START_US + 2 * SECOND_US + 1

    assert not it.stored(arrival(first=2000, at_us=late_us), late_us)
    assert stored_to(it, late_us) == 2000
    assert it.stored(arrival(first=2000, at_us=late_us, lane=Lane.HISTORY), late_us)
    assert stored_to(it, late_us) == 6000


def test_an_old_hole_does_not_make_a_new_one_late() -> None:
    it = fleet()
    it.stored(arrival(first=0), START_US)
    it.stored(arrival(first=4000), START_US)
    later_us = START_US + 20 * SECOND_US
    it.stored(arrival(first=8000, at_us=later_us), later_us)

    assert it.stored(arrival(first=6000, at_us=later_us), later_us)
    assert not it.stored(arrival(first=2000, at_us=later_us), later_us)


def test_a_hole_is_given_up_at_once_when_much_sound_waits_behind_it() -> None:
    it = fleet()
    it.stored(arrival(first=0), START_US)
    for first in range(4000, 16_000, 2000):
        it.stored(arrival(first=first), START_US)

    assert not it.stored(arrival(first=2000), START_US)
    assert stored_to(it, START_US) == 2000


def test_a_device_that_was_heard_is_acked_though_a_hole_holds_its_position() -> None:
    it = fleet()
    it.stored(arrival(first=0), START_US)
    list(it.all_acks(START_US))

    it.stored(arrival(first=4000), START_US)
    ((_, ack),) = it.all_acks(START_US)

    assert ack.stored_to_sample == 2000


def test_both_lanes_fill_one_position() -> None:
    it = fleet()
    it.stored(arrival(first=0), START_US)
    it.stored(arrival(first=4000), START_US)
    it.stored(arrival(first=2000, lane=Lane.HISTORY), START_US)

    ((topic, ack),) = it.all_acks(START_US)

    assert ack.stored_to_sample == 6000
    assert topic.endswith("/ack")


def test_after_a_reboot_both_boots_are_acked_and_counting_starts_anew() -> None:
    it = fleet()
    it.stored(arrival(first=0, boot_id=7), START_US)
    it.stored(arrival(first=0, boot_id=8), START_US)
    it.stored(arrival(first=2000, boot_id=7), START_US)

    acks = {ack.boot_id: ack.stored_to_sample for _, ack in it.all_acks(START_US)}

    assert acks == {7: 4000, 8: 2000}
    assert stats_of(it, "d1", START_US + 10 * SECOND_US).reboots == 1


def test_a_device_that_reboots_for_ever_takes_no_more_memory() -> None:
    it = fleet()
    for boot_id in range(1000):
        it.stored(arrival(boot_id=boot_id), START_US)

    device = it._devices["d1"]
    assert len(device._boots) == 2
    assert len(list(it.all_acks(START_US))) == 2
    assert stats_of(it, "d1", START_US + 10 * SECOND_US).reboots == 999


def test_statistics_say_what_was_seen() -> None:
    it = fleet()
    for second in (0, 1, 3, 3):
        at_us = START_US + second * SECOND_US
        it.stored(arrival(first=2000 * second, at_us=at_us), at_us)
    it.refused("d1", START_US + 4 * SECOND_US)

    stats = stats_of(it, "d1", START_US + 10 * SECOND_US)

    assert (stats.bridge, stats.boot_id, stats.sample_rate_hz) == ("test", 7, 2000)
    assert (stats.chunks, stats.duplicates, stats.refused) == (4, 1, 1)
    assert (stats.stored_to_sample, stats.missing_samples) == (4000, 2000)
    assert stats.last_received_us == START_US + 3 * SECOND_US
    assert stats.clock_offset_us == -3000


def test_statistics_come_for_changed_devices_only() -> None:
    it = fleet()
    it.stored(arrival(), START_US)

    assert len(list(it.due_stats(START_US + 10 * SECOND_US))) == 1
    assert list(it.due_stats(START_US + 60 * SECOND_US)) == []


def test_a_device_that_only_ever_sends_garbage_is_seen() -> None:
    it = fleet()
    it.refused("d1", START_US)

    stats = stats_of(it, "d1", START_US + 10 * SECOND_US)

    assert (stats.refused, stats.chunks, stats.boot_id, stats.clock_offset_us) == (1, 0, 0, None)
    assert list(it.all_acks(START_US)) == []


def test_an_invented_crowd_of_devices_takes_bounded_memory() -> None:
    it = fleet(max_devices=10)
    it.stored(arrival("real"), START_US)
    for number in range(1000):
        it.refused(f"invented-{number}", START_US)
        it.stored(arrival("real", first=2000 * number), START_US)

    assert len(it) == 10
    acks = [topic for topic, _ in it.all_acks(START_US)]
    assert acks == ["pcg/v1/a/real/ack"]


def test_a_device_silent_for_longer_than_its_buffer_is_forgotten() -> None:
    it = fleet()
    it.stored(arrival("gone"), START_US)
    it.stored(arrival("here"), START_US + SECOND_US)

    list(it.due_stats(START_US + FORGET_AFTER_US))

    assert len(it) == 1


def test_a_clock_of_ours_that_was_set_back_silences_nobody() -> None:
    it = fleet()
    it.stored(arrival(), START_US)

    assert len(list(it.due_acks(START_US - 3600 * SECOND_US))) == 1


def test_an_ack_goes_where_the_device_was_heard_last() -> None:
    it = fleet()
    it.stored(arrival(group="a"), START_US)
    it.stored(arrival(first=2000, group="b"), START_US)

    ((topic, _),) = it.all_acks(START_US)

    assert topic == "pcg/v1/b/d1/ack"
