"""An outbox sends what is due on the lane where it belongs, and again what was not acknowledged."""

import pytest

from ingest.chunk import Lane
from ingest.outbox import CHUNKS_PER_STEP
from tests.unit.ingest.outbox_bench import GRID, OVERLAP, Device, online, seconds


def test_while_all_is_well_each_chunk_is_sent_once_and_live() -> None:
    device = online()
    for second in range(100):
        assert [(s.lane, s.seq) for s in device.run(1)] == [(Lane.AUDIO, second)]
        if second % 2:
            device.hear(device.buffer.recorded_to - device.chunk)
    assert (device.outbox.sent_again, device.outbox.sent_as_history) == (0, 0)


def test_after_a_reconnect_it_begins_again_at_the_ack_in_order() -> None:
    device = online()
    device.run(20)
    device.hear(15 * device.chunk)
    device.connect()
    assert [(s.lane, s.seq) for s in device.run(1)] == [
        (Lane.AUDIO, seq) for seq in (15, 16, 17, 18, 19, 20)
    ]


def test_an_ack_within_a_chunk_sends_that_chunk_again() -> None:
    device = online()
    device.run(20)
    device.hear(15 * device.chunk + 7)
    device.connect()
    assert device.run(1)[0].seq == 15


def test_ten_seconds_without_an_ack_and_it_begins_again_then_waits_longer() -> None:
    device = online()
    device.run(3)
    device.hear(3 * device.chunk)
    starts_s = [
        n for n in range(100) if any(s.seq <= 3 and s.lane is Lane.AUDIO for s in device.run(1))
    ]
    # Sent first after 1 s, then after 10 s of silence and after 20 more; then it is history.
    assert starts_s == [0, 11]
    assert min(seconds(device.sent, Lane.HISTORY)) == 0


def test_an_outage_of_the_bridge_does_not_multiply_the_load() -> None:
    device = online()
    device.run(60)
    device.hear(0)
    assert len(device.sent) < 2.5 * 60


def test_a_hole_is_sent_again_as_history_with_a_window_on_both_sides() -> None:
    device = online()
    device.run_and_hear(19)
    device.run(1)  # this one is lost on its way
    batch = [sent for _ in range(20) for sent in device.run_and_hear(1)]
    assert seconds(batch[:6], Lane.HISTORY) == []
    history = seconds(batch, Lane.HISTORY)
    assert history == list(range(19 - OVERLAP, history[-1] + 1))
    assert 19 + OVERLAP <= history[-1] <= 21 + OVERLAP


def test_what_fills_a_hole_too_late_for_its_lane_goes_again_as_history() -> None:
    device = online()
    device.run_and_hear(10)
    device.run(3)  # lost on their way
    device.run_and_hear(3)
    device.connect()
    batch = [sent for _ in range(20) for sent in device.run_and_hear(1)]
    assert seconds(batch[:6], Lane.AUDIO) == [10, 11, 12, 13, 14, 15]
    assert set(seconds(batch, Lane.HISTORY)) >= set(range(10 - OVERLAP, 13 + OVERLAP))
    assert device.buffer.acknowledged_to == device.buffer.recorded_to


def test_what_acks_had_passed_over_goes_as_history_as_soon_as_there_is_a_connection() -> None:
    device = online()
    device.run_and_hear(10)
    device.run(1)  # lost on its way
    device.run_and_hear(3)
    device.miss(5)
    device.connect()
    batch = device.run(4)
    assert seconds(batch, Lane.AUDIO)[:4] == [10, 11, 12, 13]
    assert 10 in seconds(batch, Lane.HISTORY)


def test_what_was_on_its_way_when_the_connection_broke_goes_again_in_order_alone() -> None:
    device = online()
    device.run_and_hear(10)
    device.run(2)  # lost with the connection
    device.miss(10)
    device.connect()
    batch = [sent for _ in range(10) for sent in device.run_and_hear(1)]
    assert seconds(batch, Lane.AUDIO)[:3] == [10, 11, 12]
    assert seconds(batch, Lane.HISTORY) == []


def test_a_connection_that_breaks_every_few_seconds_mends_its_holes_all_the_same() -> None:
    device = online()
    device.run_and_hear(10)
    device.run(1)  # lost on its way
    device.run_and_hear(4)
    for _ in range(6):
        device.miss(5)
        device.connect()
        device.run_and_hear(5)
    assert device.buffer.acknowledged_to == device.buffer.recorded_to


def test_a_hole_behind_a_hole_gets_its_own_window_too() -> None:
    device = online()
    device.run_and_hear(19)
    for stored in (False, True, True, False):
        device.run_and_hear(1) if stored else device.run(1)
    batch = [sent for _ in range(30) for sent in device.run_and_hear(1)]
    assert set(seconds(batch, Lane.HISTORY)) >= set(range(19 - OVERLAP, 23 + OVERLAP))


def test_a_hole_whose_repair_is_lost_too_is_repaired_again() -> None:
    device = online()
    device.run(20)
    for _ in range(40):
        device.run(1)
        device.hear(19 * device.chunk)
    assert seconds(device.sent, Lane.HISTORY).count(19) >= 2


def test_sound_older_than_half_a_minute_is_history_with_a_window_on_both_sides() -> None:
    device = online()
    device.run_and_hear(10)
    device.miss(90)
    device.connect()
    batch = [sent for _ in range(30) for sent in device.run_and_hear(1)]
    live, history = seconds(batch, Lane.AUDIO), seconds(batch, Lane.HISTORY)
    assert live == list(range(70, 130))  # chunk 70 ended half a minute before the reconnect
    assert history == list(range(10 - OVERLAP, 70 + OVERLAP))


def test_what_is_fresh_goes_first_and_catching_up_is_paced() -> None:
    device = Device()
    device.miss(200)
    device.connect()
    caught_up = False
    for _ in range(60):
        batch = device.run_and_hear(1)
        assert len(batch) <= CHUNKS_PER_STEP
        assert [s.lane for s in batch] == sorted((s.lane for s in batch), key=list(Lane).index)
        caught_up = caught_up or batch[0].seq == device.seq - 1
        assert batch[0].seq == device.seq - 1 or not caught_up
    assert caught_up
    assert set(range(device.seq)) == {s.seq for s in device.sent}


def test_after_ten_minutes_the_oldest_is_given_up_and_said_so() -> None:
    device = Device()
    device.miss(700)
    assert device.buffer.lost == [(0, 100 * device.chunk)]
    assert device.buffer.kept_from == 100 * device.chunk
    assert device.buffer.fill_fraction == 1.0
    device.connect()
    device.run(200)
    assert min(s.seq for s in device.sent) >= 100
    assert all(s.kept_from >= 100 * device.chunk for s in device.sent)


def test_nothing_is_lost_that_was_acknowledged_before_the_buffer_was_full() -> None:
    device = online()
    device.run(50)
    device.hear(50 * device.chunk)
    device.miss(700)
    assert device.buffer.lost == [(50 * device.chunk, 150 * device.chunk)]


def test_an_ack_for_what_was_never_sent_is_ignored() -> None:
    device = online()
    device.run(3)
    device.miss(3)
    for nonsense in (4 * device.chunk, 2**50):
        device.hear(nonsense)
        assert device.buffer.acknowledged_to == 0


def test_an_ack_never_goes_back() -> None:
    device = online()
    device.run(10)
    device.hear(8 * device.chunk)
    device.hear(2 * device.chunk)
    assert device.buffer.acknowledged_to == 8 * device.chunk


@pytest.mark.parametrize("chunk_s", [0.25, 0.73, 2.0])
def test_history_overlaps_by_a_whole_window_for_any_length_of_chunk(chunk_s: float) -> None:
    device = Device(chunk_s)
    device.connect()
    stored = device.run(int(60 / chunk_s))[-1].end
    device.hear(stored)
    device.miss(int(60 / chunk_s))
    device.connect()
    batch = device.run(int(60 / chunk_s))
    live, history = ([s for s in batch if s.lane is lane] for lane in (Lane.AUDIO, Lane.HISTORY))
    assert history[0].first <= stored - GRID.window_samples - GRID.preroll_samples
    assert history[-1].end >= live[0].first + GRID.window_samples + GRID.preroll_samples
