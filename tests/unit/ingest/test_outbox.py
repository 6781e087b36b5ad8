"""Whatever acks, cuts and losses come: what is acknowledged was sent, what is not is sent again."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunk import DEVICE_BUFFER_S, Lane
from ingest.outbox import CHUNKS_PER_STEP, Outbox
from ingest.positions import LivePatience
from ingest.sound_buffer import Recorded, SoundBuffer
from models.contract import PIPELINE_GRID

RATE_HZ = 2000
SECOND_US = 1_000_000
GRID = PIPELINE_GRID.at(RATE_HZ)
OVERLAP = 6  # chunks of 1 s that hold a window and its pre-roll


class Sent(NamedTuple):
    lane: Lane
    seq: int
    first: int
    end: int
    kept_from: int


class Bridge:
    """Knows which chunks arrived in time for their lane, and how far that goes without a hole."""

    def __init__(self) -> None:
        self._patience = LivePatience(RATE_HZ)
        self.stored: dict[Lane, set[int]] = {Lane.AUDIO: set(), Lane.HISTORY: set()}
        self._ends: dict[int, int] = {}
        self._position = 0

    def store(self, message: Sent, now_us: int) -> None:
        if message.lane is Lane.AUDIO and self._patience.is_over(
            message.first, message.end, now_us
        ):
            return
        self.stored[message.lane].add(message.seq)
        self._ends[message.first] = message.end
        self._position = max(self._position, message.kept_from)
        while self._position in self._ends:
            self._position = self._ends[self._position]

    @property
    def stored_to(self) -> int:
        return self._position


class Device:
    """An outbox that is given a chunk and asked what is due, once per chunk length."""

    def __init__(self, chunk_s: float = 1.0) -> None:
        self.outbox = Outbox(RATE_HZ)
        self.buffer: SoundBuffer = self.outbox.buffer
        self.chunk = round(chunk_s * RATE_HZ)
        self.now_us = 0
        self.seq = 0
        self.sent: list[Sent] = []
        self.bridge = Bridge()

    def record(self) -> None:
        self.now_us += self.chunk * SECOND_US // RATE_HZ
        first = self.seq * self.chunk
        self.outbox.keep(
            Recorded(
                seq=self.seq,
                first=first,
                end=first + self.chunk,
                captured_at_us=0,
                recorded_us=self.now_us,
                encoded=b"",
            )
        )
        self.seq += 1

    def send(self) -> list[Sent]:
        batch = [
            Sent(lane, c.seq, c.first, c.end, min(self.buffer.kept_from, c.first))
            for lane, c in self.outbox.due(self.now_us)
        ]
        self.sent += batch
        return batch

    def run(self, chunks: int) -> list[Sent]:
        """Record and send so many chunks over a connection that stands."""
        batch = []
        for _ in range(chunks):
            self.record()
            batch += self.send()
        return batch

    def run_and_hear(self, chunks: int) -> list[Sent]:
        """The same, and a bridge gets all of it and says so."""
        batch = []
        for _ in range(chunks):
            batch += self.run(1)
            for message in batch:
                self.bridge.store(message, self.now_us)
            self.hear(self.bridge.stored_to)
        return batch

    def miss(self, chunks: int) -> None:
        """Record without a connection."""
        for _ in range(chunks):
            self.record()

    def connect(self) -> None:
        self.outbox.on_connected(self.now_us)

    def hear(self, stored_to_sample: int) -> None:
        self.outbox.on_ack(stored_to_sample, self.now_us)


def seconds(batch: list[Sent], lane: Lane) -> list[int]:
    return [sent.seq for sent in batch if sent.lane is lane]


def online() -> Device:
    device = Device()
    device.connect()
    return device


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


Plan = list[tuple[str, int, str, float]]

steps = st.lists(
    st.tuples(
        st.sampled_from(["online", "offline", "reconnect"]),
        st.integers(1, 90),  # for so many chunks
        st.sampled_from(["honest", "silent", "nonsense"]),
        st.sampled_from([0.0, 0.1, 1.0]),  # of the messages are lost
    ),
    max_size=12,
)


def world(device: Device, plan: Plan, rng: np.random.Generator) -> Iterator[None]:
    """Let a device live through a plan, chunk by chunk."""
    for connection, chunks, acks, loss in plan:
        if connection == "reconnect":
            device.connect()
        for _ in range(chunks):
            device.record()
            if connection != "offline":
                for message in device.send():
                    if rng.uniform() >= loss:
                        device.bridge.store(message, device.now_us)
                if acks == "honest":
                    device.hear(device.bridge.stored_to)
                elif acks == "nonsense":
                    device.hear(int(rng.integers(0, 2 * device.buffer.recorded_to)))
            yield
        if connection == "offline":
            device.connect()


@settings(max_examples=40, deadline=None)
@given(chunk_s=st.sampled_from([0.25, 0.73, 1.0, 2.0]), plan=steps, seed=st.integers(0, 2**32 - 1))
def test_whatever_happens_the_acknowledged_was_sent_and_the_buffer_keeps_its_bound(
    chunk_s: float, plan: Plan, seed: int
) -> None:
    device = Device(chunk_s)
    position = 0
    for _ in world(device, plan, np.random.default_rng(seed)):
        assert device.buffer.span <= DEVICE_BUFFER_S * RATE_HZ
        assert device.buffer.kept_from >= max(position, device.buffer.acknowledged_to)
        position = device.buffer.kept_from
    sent_to = max((s.end for s in device.sent), default=0)
    assert device.buffer.acknowledged_to <= sent_to
    sent = {s.seq for s in device.sent}
    for seq in range(device.buffer.acknowledged_to // device.chunk):
        is_lost = any(first <= seq * device.chunk < end for first, end in device.buffer.lost)
        assert seq in sent or is_lost


@settings(max_examples=30, deadline=None)
@given(
    chunk_s=st.sampled_from([0.25, 1.0, 2.0]),
    plan=steps.map(lambda plan: [(c, n, "honest", loss) for c, n, _, loss in plan]),
    seed=st.integers(0, 2**32 - 1),
)
def test_once_all_is_well_again_everything_is_acknowledged(
    chunk_s: float, plan: Plan, seed: int
) -> None:
    device = Device(chunk_s)
    for _ in world(device, plan, np.random.default_rng(seed)):
        pass
    device.connect()
    for _ in range(int(400 / chunk_s)):
        device.run_and_hear(1)
    assert device.buffer.acknowledged_to == device.buffer.recorded_to


@settings(max_examples=60, deadline=None)
@given(
    chunk_s=st.sampled_from([0.25, 1.0, 2.0]),
    cuts=st.lists(
        st.tuples(
            st.integers(5, 60),  # seconds until the connection is cut
            st.integers(0, 20),  # seconds before it whose messages are lost, too
            st.integers(0, 80),  # seconds until the next connection
            st.integers(1, 4),  # seconds between acks
        ),
        min_size=1,
        max_size=5,
    ),
    lost_live=st.sets(st.integers(0, 400), max_size=20),
)
def test_after_any_cut_each_acknowledged_window_is_whole_on_one_lane(
    chunk_s: float, cuts: list[tuple[int, int, int, int]], lost_live: set[int]
) -> None:
    device = Device(chunk_s)
    device.connect()
    for online_s, lost_s, offline_s, ack_every_s in [*cuts, (300, 0, 0, 1)]:
        on_the_way: list[list[Sent]] = []
        for n in range(int(online_s / chunk_s)):
            device.record()
            on_the_way.append(device.send())
            if len(on_the_way) > lost_s / chunk_s:
                for message in on_the_way.pop(0):
                    if message.lane is Lane.AUDIO and message.seq in lost_live:
                        lost_live.remove(message.seq)
                    else:
                        device.bridge.store(message, device.now_us)
            if n % max(1, int(ack_every_s / chunk_s)) == 0:
                device.hear(device.bridge.stored_to)
        device.miss(int(offline_s / chunk_s))
        device.connect()
    while device.outbox.is_sending_history:
        for message in device.send():
            device.bridge.store(message, device.now_us)
        device.hear(device.bridge.stored_to)
    assert device.buffer.lost == []
    for index in range((device.buffer.acknowledged_to - GRID.window_samples) // GRID.hop_samples):
        first = index * GRID.hop_samples
        filtered_from = max(0, first - GRID.preroll_samples)
        end = first + GRID.window_samples
        needed = range(filtered_from // device.chunk, -(-end // device.chunk))
        assert any(device.bridge.stored[lane].issuperset(needed) for lane in device.bridge.stored)


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
