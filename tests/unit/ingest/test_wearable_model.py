"""One device: the same seed gives the same bytes, and each fault shows as it was asked for."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunk import (
    AudioChunk,
    DeviceAck,
    DeviceStatus,
    DeviceTopic,
    Encoding,
    Lane,
    decode_chunk,
    decode_status,
    pcm,
)
from ingest.faults import FaultPlan, FaultProfile
from ingest.playback import Playback
from ingest.sounds import Sound
from ingest.wearable_model import STATUS_EVERY_US, Outgoing, Wearable

START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
NO_FAULTS = FaultProfile()


def wearable(
    *,
    seed: int = 1,
    rate_hz: int = 2000,
    chunk_s: float = 1.0,
    encoding: Encoding = "pcm_s16le",
    loop: bool = True,
    sound_s: float = 20.0,
    faults: FaultProfile = NO_FAULTS,
) -> Wearable:
    samples = np.random.default_rng(9).integers(-9000, 9000, int(sound_s * rate_hz))
    playback = Playback(
        Sound("noise", rate_hz, samples.astype(np.int16)),
        chunk_samples=round(chunk_s * rate_hz),
        encoding=encoding,
        loop=loop,
    )
    plan = FaultPlan(faults, np.random.SeedSequence(seed))
    return Wearable(
        "wearable-01", "ward", playback, plan, ward_start_us=START_US, power_up_us=START_US
    )


class Bridge:
    """Has stored all that came without a hole, and says so."""

    def __init__(self) -> None:
        self._stored_to: dict[int, int] = {}

    def store(self, sent: Iterable[Outgoing]) -> Iterator[DeviceAck]:
        for chunk in chunks(sent):
            position = self._stored_to.get(chunk.boot_id, chunk.kept_from_sample)
            if chunk.first_sample <= position:
                position = max(position, chunk.first_sample + len(pcm(chunk)))
            self._stored_to[chunk.boot_id] = position
            yield ack(chunk.boot_id, position)


def ack(boot_id: int, stored_to_sample: int) -> DeviceAck:
    return DeviceAck(boot_id=boot_id, stored_to_sample=stored_to_sample, bridge_time_us=0)


def live(
    device: Wearable,
    *,
    from_s: float = 0.0,
    until_s: float,
    every_us: int | None = None,
    bridge: Bridge | None = None,
) -> list[Outgoing]:
    """Step a device over a connection that stands; by default when it wants to be."""
    all_sent = []
    now_us = START_US + round(from_s * SECOND_US)
    while now_us <= START_US + until_s * SECOND_US:
        sent = device.step(now_us)
        device.on_connected(now_us)
        for heard in bridge.store(sent) if bridge else ():
            device.on_ack(heard, now_us)
        all_sent += sent
        now_us = now_us + every_us if every_us else max(now_us + 1, round(device.next_step_us))
    return all_sent


def chunks(sent: Iterable[Outgoing]) -> list[AudioChunk]:
    lanes = (Lane.AUDIO, Lane.HISTORY)
    return [decode_chunk(m.payload) for m in sent if DeviceTopic.parse(m.topic).lane in lanes]


def statuses(sent: Iterable[Outgoing]) -> list[DeviceStatus]:
    return [decode_status(m.payload) for m in sent if m.topic.endswith("/status")]


ROUGH = FaultProfile(
    reboot_every_s=40.0,
    electrode_off_every_s=20.0,
    electrode_off_s=5.0,
    outage_every_s=30.0,
    outage_s=10.0,
    clock_offset_s=5.0,
    clock_drift_ppm=80.0,
)


def test_two_devices_with_one_seed_send_the_same_bytes() -> None:
    one, other = (live(wearable(seed=5, faults=ROUGH), until_s=200.0) for _ in range(2))
    assert one == other
    assert one != live(wearable(seed=6, faults=ROUGH), until_s=200.0)


def recorded(sent: Iterable[Outgoing]) -> dict[tuple[int, int], bytes]:
    return {
        (chunk.boot_id, chunk.seq): f"{chunk.first_sample} {chunk.captured_at_us}".encode()
        + chunk.samples
        for chunk in chunks(sent)
    }


@settings(max_examples=20, deadline=None)
@given(every_us=st.integers(3_000, 9_000_000), seed=st.integers(0, 1000))
def test_what_is_recorded_does_not_depend_on_when_the_device_is_stepped(
    every_us: int, seed: int
) -> None:
    faults = ROUGH.model_copy(update={"outage_every_s": 0.0})
    punctual = recorded(live(wearable(seed=seed, faults=faults), until_s=30.0))
    tardy = recorded(live(wearable(seed=seed, faults=faults), until_s=30.0, every_us=every_us))
    both = punctual.keys() & tardy.keys()
    assert {key: punctual[key] for key in both} == {key: tardy[key] for key in both}
    assert both


@pytest.mark.parametrize("rate_hz", [2000, 4000, 8000])
@pytest.mark.parametrize("chunk_s", [0.25, 0.73, 2.0])
@pytest.mark.parametrize("encoding", ["pcm_s16le", "flac"])
def test_chunks_follow_each_other_without_a_gap(
    rate_hz: int, chunk_s: float, encoding: Encoding
) -> None:
    device = wearable(rate_hz=rate_hz, chunk_s=chunk_s, encoding=encoding, sound_s=5.0)
    heard = chunks(live(device, until_s=20.0, bridge=Bridge()))
    position = 0
    for seq, chunk in enumerate(heard):
        assert (chunk.seq, chunk.first_sample, chunk.sample_rate_hz) == (seq, position, rate_hz)
        position += len(pcm(chunk))
    assert position == pytest.approx(20 * rate_hz, abs=chunk_s * rate_hz + 1)


def test_its_clock_and_its_sampling_are_wrong_as_asked_to_a_millionth() -> None:
    device = wearable(chunk_s=2.0, faults=FaultProfile(clock_offset_s=30.0, clock_drift_ppm=200.0))
    plan = device._plan
    bridge = Bridge()
    sent = []
    ready_us = []
    for _ in range(1800):
        now_us = round(device.next_step_us)
        messages = device.step(now_us)
        device.on_connected(now_us)
        for heard in bridge.store(messages):
            device.on_ack(heard, now_us)
        sent += chunks(messages)
        ready_us += [now_us] * len(chunks(messages))
    ends_us = [c.captured_at_us + 2 * SECOND_US for c in sent]
    true_s = (ready_us[-1] - ready_us[0]) / 1e6
    clock_ppm = ((ends_us[-1] - ends_us[0]) / 1e6 / true_s - 1) * 1e6
    sampling_ppm = ((sent[-1].first_sample - sent[0].first_sample) / 2000 / true_s - 1) * 1e6
    assert abs(plan.clock_drift_ppm) > 1.0
    assert clock_ppm == pytest.approx(plan.clock_drift_ppm, abs=1.0)
    assert sampling_ppm == pytest.approx(plan.clock_drift_ppm, abs=1.0)
    assert ends_us[0] - ready_us[0] == pytest.approx(plan.clock_offset_us, abs=500)


def test_after_a_power_loss_it_is_a_new_boot_that_begins_at_zero() -> None:
    device = wearable(faults=FaultProfile(reboot_every_s=20.0))
    heard = chunks(live(device, until_s=300.0, bridge=Bridge()))
    boots = device.report().boots
    assert len(boots) > 4
    assert len({boot.boot_id for boot in boots}) == len(boots)
    for boot, following in pairwise(boots):
        assert boot.ended_us is not None
        assert 2.5e6 <= following.started_us - boot.ended_us <= 7.5e6
    for boot in boots:
        own = [chunk for chunk in heard if chunk.boot_id == boot.boot_id]
        seqs = {chunk.seq for chunk in own}
        assert seqs == set(range(boot.chunks_recorded))
        assert all(chunk.first_sample == 2000 * chunk.seq for chunk in own)


def test_while_it_has_no_power_it_wants_no_connection() -> None:
    device = wearable(faults=FaultProfile(reboot_every_s=20.0, reboot_s=5.0))
    loss = device._plan.power_losses.current
    live(device, until_s=loss.from_us / 1e6 - 0.1)
    assert device.is_reachable
    assert device.step(START_US + int(loss.from_us)) == []
    assert not device.is_reachable
    device.step(START_US + int(loss.until_us))
    assert device.is_reachable


def test_an_electrode_that_is_off_sends_silence_and_the_status_says_so_at_once() -> None:
    device = wearable(faults=FaultProfile(electrode_off_every_s=30.0, electrode_off_s=10.0))
    sent = live(device, until_s=200.0, bridge=Bridge())
    contact = True
    silent = 0
    for message in sent:
        if message.topic.endswith("/status"):
            contact = bool(decode_status(message.payload).contact)
        else:
            chunk = decode_chunk(message.payload)
            assert pcm(chunk).any() == contact
            silent += not contact
    assert 10 < silent < 120


def test_it_tells_its_status_every_half_minute_and_keeps_it_retained() -> None:
    sent = [m for m in live(wearable(), until_s=120.0) if m.topic.endswith("/status")]
    told = [decode_status(message.payload) for message in sent]
    assert all(message.retain for message in sent)
    assert np.diff([status.at_us for status in told]).tolist() == [STATUS_EVERY_US] * 3
    assert {status.state for status in told} == {"online"}
    assert told[0].buffer_fill_fraction == pytest.approx(0.0, abs=0.01)
    assert told[0].battery_fraction is not None
    assert told[-1].battery_fraction is not None
    assert 0.0 < told[-1].battery_fraction <= told[0].battery_fraction <= 1.0
    assert told[-1].buffer_fill_fraction == pytest.approx(90 / 600, abs=0.01)


def test_a_device_with_little_power_says_so() -> None:
    told = statuses(live(wearable(faults=FaultProfile(low_battery_fraction=1.0)), until_s=2.0))
    assert told[0].battery_fraction is not None
    assert told[0].battery_fraction < 0.15


def test_in_an_outage_nothing_is_sent_and_afterwards_all_of_it() -> None:
    device = wearable(faults=FaultProfile(outage_every_s=25.0, outage_s=40.0))
    outage = device._plan.outages.current
    bridge = Bridge()
    before = chunks(live(device, until_s=outage.from_us / 1e6 - 0.01, bridge=bridge))
    acked = 2000 * len(before)
    silent_until_s = outage.until_us / 1e6 - 0.01
    assert live(device, from_s=outage.from_us / 1e6, until_s=silent_until_s) == []
    assert not device.is_reachable
    back = chunks(live(device, from_s=outage.until_us / 1e6, until_s=outage.until_us / 1e6 + 20))
    assert {c.seq for c in back} >= set(range(len(before), int(outage.until_us / 1e6)))
    assert all(c.kept_from_sample == min(acked, c.first_sample) for c in back)


def test_only_an_ack_for_the_present_boot_counts() -> None:
    device = wearable()
    boot_id = chunks(live(device, until_s=10.0))[0].boot_id
    for heard_id, stored_to in ((boot_id ^ 1, 0), (boot_id, 8000)):
        device.on_ack(ack(heard_id, 8000), START_US + 10 * SECOND_US)
        assert device.report().boots[0].acknowledged_to_sample == stored_to


def test_a_chunk_sent_again_differs_only_in_what_the_device_still_keeps() -> None:
    device = wearable()
    first = chunks(live(device, until_s=10.0))
    now_us = START_US + 10 * SECOND_US
    device.on_ack(ack(first[0].boot_id, 8000), now_us)
    device.on_disconnected(now_us)
    again = chunks(live(device, from_s=10.5, until_s=11.9))
    assert again[0].seq == 4
    for chunk in again[:6]:
        before = first[chunk.seq]
        assert (before.kept_from_sample, chunk.kept_from_sample) == (0, 8000)
        assert before.samples == chunk.samples
        assert before.captured_at_us == chunk.captured_at_us


def test_a_sound_that_is_sent_once_arrives_whole_and_then_the_device_is_over() -> None:
    device = wearable(loop=False, sound_s=7.3, chunk_s=0.73, encoding="flac")
    heard = chunks(live(device, until_s=7.2))
    assert not device.is_over
    heard += chunks(live(device, from_s=7.3, until_s=8.0))
    expected = np.random.default_rng(9).integers(-9000, 9000, 14600)
    np.testing.assert_array_equal(np.concatenate([pcm(chunk) for chunk in heard]), expected)
    assert device.is_over
    assert not device.is_drained
    device.on_ack(ack(heard[0].boot_id, 14600), START_US + 8 * SECOND_US)
    assert device.is_drained


def test_stopped_it_records_nothing_more_and_goes_on_sending() -> None:
    device = wearable()
    device.step(START_US)
    device.step(START_US + 20 * SECOND_US)
    device.stop(START_US + 20 * SECOND_US + 500_000)
    heard = chunks(live(device, from_s=21.0, until_s=40.0))
    assert {chunk.seq for chunk in heard} == set(range(20))
    assert device.report().boots[0].produced_to_sample == 40_000


def test_its_last_will_is_a_retained_offline_status() -> None:
    device = wearable()
    live(device, until_s=1.0)
    will = device.offline(START_US)
    status = decode_status(will.payload)
    assert (will.topic, will.retain) == ("pcg/v1/ward/wearable-01/status", True)
    assert (status.state, status.boot_id) == ("offline", device.report().boots[0].boot_id)
