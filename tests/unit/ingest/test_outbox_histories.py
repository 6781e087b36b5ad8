"""Whatever acks, cuts and losses come: what is acknowledged was sent, what is not is sent again."""

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunk import DEVICE_BUFFER_S, Lane
from tests.unit.ingest.outbox_bench import GRID, RATE_HZ, Device, Sent

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
