"""The simulated wearable, watched as a maker's own device is: it keeps every rule of the wire."""

import heapq
from collections.abc import Iterator

import numpy as np
import pytest

from ingest.chunk import DeviceAck, DeviceTopic, Lane, decode_chunk, encode, pcm
from ingest.connections import load
from ingest.device_check import DeviceCheck
from ingest.device_findings import Verdict
from ingest.faults import Spells
from ingest.positions import StoredPosition
from ingest.simulated_ward import SimulatedDevice, build
from ingest.simulator_settings import SimulatorSettings
from ingest.wearable_model import Outgoing

START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
ACK_EVERY_US = 2 * SECOND_US


class Scene:
    """One device, a network, a bridge that can pause, and the watcher that hears all of it."""

    def __init__(self, seed: int, **settings: object) -> None:
        flags = {"devices": 1, "sound": "synthetic", "seed": seed} | settings
        (self.device,) = build(load(SimulatorSettings, flags), start_us=START_US)
        self.check = DeviceCheck(self.device.wearable.device_id, now_us=START_US)
        self._stored: dict[int, StoredPosition] = {}
        self._to_ack: set[int] = set()
        self._on_the_way: list[tuple[int, int, Outgoing]] = []
        self._carried = 0
        self.lost_seqs: set[int] = set()  # each is lost once

    def run(self, *, until_s: float, bridge_pauses_s: tuple[float, float] = (0.0, 0.0)) -> None:
        wearable = self.device.wearable
        ack_due_us = START_US
        for now_us in moments(self.device, until_s):
            sent = [message for message in wearable.step(now_us) if not self._is_lost(message)]
            for due_us, message in self.device.network.carry(sent, now_us):
                self._carried += 1
                heapq.heappush(self._on_the_way, (due_us, self._carried, message))
            self._deliver(now_us)
            wearable.on_connected(now_us)
            pause_s = (now_us - START_US) / SECOND_US
            if now_us >= ack_due_us and not bridge_pauses_s[0] <= pause_s < bridge_pauses_s[1]:
                ack_due_us = now_us + ACK_EVERY_US
                self._acknowledge(now_us)

    def mend(self) -> None:
        """Let there be no more outages."""
        self.device.wearable._plan.outages = Spells(0.0, 1.0, np.random.default_rng())

    def broken(self, *, at_s: float) -> list[str]:
        report = self.check.report(START_US + round(at_s * SECOND_US))
        return [f"{f.rule}: {f.evidence}" for f in report if f.verdict is Verdict.BROKEN]

    def shown(self, *, at_s: float) -> set[str]:
        report = self.check.report(START_US + round(at_s * SECOND_US))
        return {finding.rule for finding in report if finding.verdict is Verdict.KEPT}

    def _is_lost(self, message: Outgoing) -> bool:
        if DeviceTopic.parse(message.topic).lane is not Lane.AUDIO:
            return False
        seq = decode_chunk(message.payload).seq
        is_lost = seq in self.lost_seqs
        self.lost_seqs.discard(seq)
        return is_lost

    def _deliver(self, now_us: int) -> None:
        while self._on_the_way and self._on_the_way[0][0] <= now_us:
            due_us, _, message = heapq.heappop(self._on_the_way)
            if not self.device.wearable.is_reachable:
                continue
            for retained in {False, message.retain}:  # the watcher subscribes again and again
                self.check.step(due_us, message.topic, message.payload, qos=1, retained=retained)
            if DeviceTopic.parse(message.topic).lane in (Lane.AUDIO, Lane.HISTORY):
                self._store(message)

    def _store(self, message: Outgoing) -> None:
        chunk = decode_chunk(message.payload)
        boot = self._stored.setdefault(chunk.boot_id, StoredPosition(chunk.kept_from_sample))
        first = chunk.first_sample
        boot.add(first, first + len(pcm(chunk)), chunk.kept_from_sample)
        self._to_ack.add(chunk.boot_id)

    def _acknowledge(self, now_us: int) -> None:
        wearable = self.device.wearable
        for boot_id in self._to_ack:
            ack = DeviceAck(
                boot_id=boot_id,
                stored_to_sample=self._stored[boot_id].stored_to,
                bridge_time_us=now_us,
            )
            self.check.step(now_us, wearable.ack_topic, encode(ack), qos=0, retained=False)
            wearable.on_ack(ack, now_us)
        self._to_ack.clear()


def moments(device: SimulatedDevice, until_s: float) -> Iterator[int]:
    """When the device wants to be stepped."""
    now_us = round(device.wearable.next_step_us)
    while now_us < START_US + until_s * SECOND_US:
        yield now_us
        now_us = max(now_us + 1, round(device.wearable.next_step_us))


@pytest.mark.parametrize("chunk_s", [0.25, 0.73, 1.0, 2.0])
@pytest.mark.parametrize("encoding", ["pcm_s16le", "flac"])
def test_it_keeps_every_rule_on_a_good_day(chunk_s: float, encoding: str) -> None:
    scene = Scene(1, chunk_s=(chunk_s,), encoding=(encoding,))
    scene.run(until_s=60)
    assert scene.broken(at_s=60) == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("chunk_s", [0.25, 1.0, 2.0])
def test_it_keeps_every_rule_through_outages(seed: int, chunk_s: float) -> None:
    faults = {
        "outage_every_s": 60.0,
        "outage_s": 50.0,
        "electrode_off_every_s": 60.0,
        "jitter_s": 0.3,
        "duplicate_fraction": 0.02,
    }
    scene = Scene(seed, chunk_s=(chunk_s,), fault_settings=faults)
    scene.run(until_s=500)
    scene.mend()
    scene.run(until_s=600)
    assert scene.broken(at_s=600) == []
    assert scene.shown(at_s=600) >= {"old sound goes as history", "history overlaps a window"}


@pytest.mark.parametrize("seed", range(5))
def test_it_keeps_every_rule_through_reboots(seed: int) -> None:
    faults = {"reboot_every_s": 90.0, "reboot_s": 20.0}
    scene = Scene(seed, fault_settings=faults)
    scene.run(until_s=600)
    assert scene.broken(at_s=600) == []
    assert "power-up counts from 0" in scene.shown(at_s=600)


@pytest.mark.parametrize("chunk_s", [0.25, 1.0, 2.0])
def test_it_mends_holes_and_breaks_silence_by_the_rules(chunk_s: float) -> None:
    scene = Scene(1, chunk_s=(chunk_s,))
    scene.lost_seqs = {20, 21, 60, 200}
    scene.run(until_s=500, bridge_pauses_s=(250.0, 295.0))
    assert scene.broken(at_s=500) == []
    assert scene.shown(at_s=500) >= {
        "sent again is the same",
        "sends again after silence",
        "fills holes as history",
        "history overlaps a window",
    }
