"""A check names each broken rule with its evidence, and blames no device that keeps them."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
import pytest

from ingest.chunk import AudioChunk, DeviceAck, DeviceStatus, DeviceTopic, Lane, encode
from ingest.device_check import DeviceCheck, Outcome
from ingest.device_findings import Finding, Verdict
from ingest.device_rules import RULES

START_US = 1_790_000_000_000_000
RATE_HZ = 2000
NETWORK_US = 20_000


class Scene:
    """A device that sends one chunk of 1 s a second, its bridge, and the watcher, on one clock.

    A chunk arrives just after its end; `seconds` is the number of chunks recorded so far.
    """

    def __init__(self) -> None:
        self.check = DeviceCheck("d1", now_us=START_US)
        self.boot_id = 7
        self.boot_us = START_US
        self.seconds = 0
        self.acked_s = 0
        self.changes: dict[str, Any] = {}

    @property
    def now_us(self) -> int:
        return self.boot_us + self.seconds * 1_000_000 + NETWORK_US

    def chunk(self, seq: int) -> AudioChunk:
        first = seq * RATE_HZ
        chunk = AudioChunk(
            boot_id=self.boot_id,
            seq=seq,
            first_sample=first,
            kept_from_sample=min(self.acked_s * RATE_HZ, first),
            captured_at_us=self.boot_us + seq * 1_000_000,
            sample_rate_hz=RATE_HZ,
            samples=np.full(RATE_HZ, seq, dtype="<i2").tobytes(),
        )
        return msgspec.structs.replace(chunk, **self.changes)

    def say(
        self,
        lane: Lane | str,
        payload: bytes,
        *,
        group: str = "g1",
        qos: int = 1,
        retained: bool = False,
    ) -> None:
        topic = f"pcg/v1/{group}/d1/{lane}"
        self.check.step(self.now_us, topic, payload, qos=qos, retained=retained)

    def send(self, seqs: Iterable[int], lane: Lane = Lane.AUDIO, **how: Any) -> None:
        for seq in seqs:
            self.say(lane, encode(self.chunk(seq)), **how)

    def record(self, seconds: int, *, acks: bool = True, skip: Iterable[int] = ()) -> None:
        """Record and send live, second by second; every other second comes an ack."""
        for _ in range(seconds):
            seq = self.seconds
            self.seconds += 1
            if seq not in skip:
                self.send([seq])
            if acks and self.seconds % 2:
                self.ack(self.seconds)

    def wait(self, seconds: int) -> None:
        """Record without being able to send."""
        self.seconds += seconds

    def ack(self, stored_s: int) -> None:
        self.acked_s = stored_s
        ack = DeviceAck(
            boot_id=self.boot_id,
            stored_to_sample=stored_s * RATE_HZ,
            bridge_time_us=self.now_us,
        )
        self.say(Lane.ACK, encode(ack), qos=0)

    def status(self, *, retained: bool = True, **fields: Any) -> None:
        status = DeviceStatus(state="online", boot_id=self.boot_id, at_us=self.now_us)
        status = msgspec.structs.replace(status, **fields)
        self.say(Lane.STATUS, encode(status), retained=retained)

    def finding(self, rule: str, after_s: float = 0) -> Finding:
        report = self.check.report(self.now_us + int(after_s * 1_000_000))
        return next(finding for finding in report if finding.rule == rule)


def live_through_everything(scene: Scene) -> None:
    """All that a device can be seen to do right, within some three minutes."""
    scene.status(battery_fraction=0.9, firmware="1.0", contact=True)
    scene.record(30)
    # A chunk gets lost behind the broker: acks stand still until it comes again as history.
    for _ in range(4):
        scene.record(2, acks=False)
        scene.ack(30)
    scene.send(range(24, 38), Lane.HISTORY)
    scene.record(5, acks=False)
    scene.send(range(38, 43), Lane.HISTORY)
    scene.ack(43)
    # The bridge is silent: everything again from the last ack.
    scene.record(11, acks=False)
    scene.send(range(43, 54))
    scene.record(5)
    # Cut off for 40 s: the last will, then new sound live and old sound as history.
    scene.status(state="offline", battery_fraction=0.9)
    scene.wait(40)
    scene.status(battery_fraction=0.88)
    acked, now = scene.acked_s, scene.seconds
    scene.send(range(now - 30, now))
    scene.send(range(acked - 6, now - 24), Lane.HISTORY)
    scene.record(5)
    # Switched off and on.
    scene.boot_id, scene.boot_us = 8, scene.now_us
    scene.seconds = scene.acked_s = 0
    scene.status(battery_fraction=0.88)
    scene.record(30)


def test_a_device_that_keeps_every_rule_is_told_so() -> None:
    scene = Scene()
    live_through_everything(scene)
    report = scene.check.report(scene.now_us)
    assert [finding for finding in report if finding.verdict is not Verdict.KEPT] == []
    assert scene.check.outcome(scene.now_us) is Outcome.KEPT


def test_what_nothing_has_tested_is_not_shown_and_not_broken() -> None:
    scene = Scene()
    scene.status()
    scene.record(30)
    shown = {f.rule: f.verdict for f in scene.check.report(scene.now_us)}
    assert set(shown) == set(RULES)
    assert {rule for rule, verdict in shown.items() if verdict is Verdict.NOT_SHOWN} == {
        "battery",
        "last will",
        "power-up counts from 0",
        "sent again is the same",
        "sends again after silence",
        "fills holes as history",
        "history overlaps a window",
        "old sound goes as history",
    }
    assert scene.check.outcome(scene.now_us) is Outcome.KEPT


def test_a_device_that_says_nothing_was_not_heard_though_a_bridge_speaks_to_it() -> None:
    scene = Scene()
    scene.ack(5)
    assert scene.check.outcome(scene.now_us) is Outcome.NOT_HEARD
    assert {finding.verdict for finding in scene.check.report(scene.now_us)} == {Verdict.NOT_SHOWN}


def unknown_lane(scene: Scene) -> None:
    scene.say("sound", encode(scene.chunk(0)))


def two_groups(scene: Scene) -> None:
    scene.send([0])
    scene.send([1], group="g2")


def wrong_version(scene: Scene) -> None:
    scene.changes = {"v": 3}
    scene.send([0])


def unreadable_flac(scene: Scene) -> None:
    scene.changes = {"encoding": "flac"}
    scene.send([0])


def short_chunks(scene: Scene) -> None:
    scene.changes = {"samples": bytes(200)}
    scene.record(2)


def quality_0(scene: Scene) -> None:
    scene.send([0], qos=0)


def retained_audio(scene: Scene) -> None:
    scene.send([0], retained=True)


def lost_chunk(scene: Scene) -> None:
    scene.record(70, acks=False, skip=[40])


def lost_samples(scene: Scene) -> None:
    scene.send([39])
    scene.changes = {"first_sample": 41 * RATE_HZ}
    scene.send([40])
    scene.wait(30)


def skipped_number(scene: Scene) -> None:
    scene.send([3])
    scene.changes = {"first_sample": 4 * RATE_HZ}
    scene.send([5])


def overlapping_chunks(scene: Scene) -> None:
    scene.send([3])
    scene.changes = {"first_sample": 7600}
    scene.send([4])


def double_pace(scene: Scene) -> None:
    for seq in range(60):
        scene.seconds += seq % 2
        scene.send([seq])


def changing_rate(scene: Scene) -> None:
    scene.send([0])
    scene.changes = {"sample_rate_hz": 4000}
    scene.send([1])


def drifting_clock(scene: Scene) -> None:
    for _ in range(40):
        scene.changes = {"captured_at_us": scene.boot_us + int(scene.seconds * 1_000_500)}
        scene.record(1)


def jumping_clock(scene: Scene) -> None:
    for seq in range(12):
        scene.changes = {"captured_at_us": scene.now_us + (seq % 3) * 700_000}
        scene.record(1)


def clock_never_set(scene: Scene) -> None:
    for _ in range(20):
        scene.changes = {"captured_at_us": scene.seconds * 1_000_000}
        scene.record(1)


def no_status(scene: Scene) -> None:
    scene.record(15)


def status_not_retained(scene: Scene) -> None:
    scene.status(retained=False)
    scene.record(25)


def status_of_another_boot(scene: Scene) -> None:
    scene.status(boot_id=99)
    scene.record(2)


def jumping_battery(scene: Scene) -> None:
    scene.status(battery_fraction=0.9)
    scene.status(battery_fraction=0.2)


def no_last_will(scene: Scene) -> None:
    scene.status()
    scene.record(2)
    scene.wait(100)


def new_boot_old_count(scene: Scene) -> None:
    scene.record(2)
    scene.boot_id = 8
    scene.record(2)


def gives_up_unacked_sound(scene: Scene) -> None:
    scene.record(9)
    scene.record(3, acks=False)
    scene.changes = {"kept_from_sample": 11 * RATE_HZ}
    scene.record(1)


def other_samples_again(scene: Scene) -> None:
    scene.send([4])
    scene.changes = {"samples": bytes(2 * RATE_HZ)}
    scene.send([4])


def other_time_again(scene: Scene) -> None:
    scene.send([4])
    scene.changes = {"captured_at_us": scene.now_us}
    scene.send([4])


def deaf_to_silence(scene: Scene) -> None:
    scene.record(5)
    scene.record(25, acks=False)


def forgets_the_first_unacked(scene: Scene) -> None:
    scene.record(5)
    scene.record(12, acks=False)
    scene.send(range(9, 17))
    scene.record(10, acks=False)


def deaf_to_a_hole(scene: Scene) -> None:
    scene.record(5)
    for _ in range(10):
        scene.record(2, acks=False)
        scene.ack(5)


def history_begins_late(scene: Scene) -> None:
    scene.record(21)
    scene.record(8, acks=False)
    scene.ack(21)
    scene.send(range(21, 29), Lane.HISTORY)


def history_ends_early(scene: Scene) -> None:
    scene.record(21)
    scene.wait(10)
    scene.record(5, acks=False)
    scene.send(range(15, 32), Lane.HISTORY)
    scene.record(15, acks=False)


def old_sound_live(scene: Scene) -> None:
    scene.record(5)
    scene.wait(50)
    scene.send(range(5, 55))


@pytest.mark.parametrize(
    ("misdeed", "rule", "evidence"),
    [
        (unknown_lane, "topic and id", "'pcg/v1/g1/d1/sound' is not pcg/v1/GROUP/DEVICE/LANE"),
        (two_groups, "topic and id", "it speaks in several groups: g1, g2"),
        (wrong_version, "payload and version", "audio: wire version 3 is not known, only 1 is"),
        (unreadable_flac, "payload and version", "audio: samples are not readable FLAC"),
        (short_chunks, "chunk of 0.25 to 2 s", "seq 0: samples last 0.050 s"),
        (quality_0, "QoS 1", "audio comes with QoS 0"),
        (retained_audio, "audio is not retained", "retains seq 0 on pcg/v1/g1/d1/audio"),
        (lost_chunk, "positions without a hole", "chunk seq 41 follows 39: 1 missing"),
        (lost_samples, "positions without a hole", "seq 40 follows 39: samples 80000 to 82000"),
        (skipped_number, "positions without a hole", "seq 5 follows 3, though no sample"),
        (
            overlapping_chunks,
            "positions without a hole",
            "first_sample 7600 of seq 4 overlaps seq 3, which ends at 8000",
        ),
        (double_pace, "sample rate", "positions advance 2.0"),
        (changing_rate, "sample rate", "sample_rate_hz changes within one power-up: [2000, 4000]"),
        (drifting_clock, "captured_at_us", "drift +500 ± 0 ppm, over 200 ppm"),
        (jumping_clock, "captured_at_us", "the clock jumps against the samples"),
        (clock_never_set, "captured_at_us", "though every ack tells the time"),
        (no_status, "status is retained", "sound comes, but nothing on .../status"),
        (status_not_retained, "status is retained", "publish it with the retain flag"),
        (status_of_another_boot, "status is retained", "boot_id 99 is not the chunks' 7"),
        (jumping_battery, "battery", "battery_fraction jumps from 0.90 to 0.20"),
        (no_last_will, "last will", "no sound for 100 s, and no status offline"),
        (new_boot_old_count, "power-up counts from 0", "boot_id 8 is new, but begins with seq 2"),
        (gives_up_unacked_sound, "kept_from_sample", "before 22000, but the last ack was 18000"),
        (other_samples_again, "sent again is the same", "seq 4 came again with other samples"),
        (other_time_again, "sent again is the same", "seq 4 came again with other captured_at_us"),
        (deaf_to_silence, "sends again after silence", "after 10000, and nothing was sent again"),
        (
            forgets_the_first_unacked,
            "sends again after silence",
            "after 10000, and only what follows 18000 was",
        ),
        (deaf_to_a_hole, "fills holes as history", "acks stand at 10000 for 16 s"),
        (history_begins_late, "history overlaps a window", "history begins at 42000, less than"),
        (history_ends_early, "history overlaps a window", "history ends at 64000, less than"),
        (old_sound_live, "old sound goes as history", "old and came on the live lane"),
    ],
)
def test_a_broken_rule_is_named_with_its_evidence(
    misdeed: Callable[[Scene], None], rule: str, evidence: str
) -> None:
    scene = Scene()
    misdeed(scene)
    finding = scene.finding(rule)
    assert finding.verdict is Verdict.BROKEN
    assert evidence in finding.evidence
    assert scene.check.outcome(scene.now_us) is Outcome.BROKEN


def test_a_hole_counts_only_after_the_device_had_time_to_fill_it() -> None:
    scene = Scene()
    scene.record(8, acks=False, skip=[4])
    assert scene.finding("positions without a hole").verdict is Verdict.NOT_SHOWN
    assert scene.finding("positions without a hole", after_s=30).verdict is Verdict.BROKEN


def test_a_hole_that_the_bridge_has_stored_was_missed_by_the_watcher_alone() -> None:
    scene = Scene()
    scene.record(40, acks=False, skip=[4])
    scene.ack(40)
    assert scene.finding("positions without a hole").verdict is Verdict.KEPT


def test_sound_that_an_overlong_outage_pushed_out_of_the_buffer_may_be_given_up() -> None:
    scene = Scene()
    scene.record(5)
    scene.wait(700)
    scene.changes = {"kept_from_sample": 105 * RATE_HZ}
    scene.record(5, acks=False)
    scene.send(range(105, 705), Lane.HISTORY)
    assert scene.finding("kept_from_sample").verdict is Verdict.KEPT
    assert scene.finding("positions without a hole", after_s=60).verdict is Verdict.KEPT


def test_a_clock_may_be_set_once() -> None:
    scene = Scene()
    scene.changes = {"captured_at_us": 0}
    scene.record(1)
    scene.changes = {}
    scene.record(30)
    finding = scene.finding("captured_at_us")
    assert finding.verdict is Verdict.KEPT
    assert finding.evidence.endswith("drift +0 ± 0 ppm, set at seq 1")


def test_a_watcher_that_was_cut_off_does_not_judge_how_history_began() -> None:
    scene = Scene()
    scene.record(21)
    scene.check.interrupted(scene.now_us)
    scene.send(range(20, 21), Lane.HISTORY)
    assert scene.finding("history overlaps a window").verdict is Verdict.KEPT


def test_acks_that_a_device_cannot_hear_ask_nothing_of_it() -> None:
    scene = Scene()
    scene.record(20)
    for _ in range(30):
        scene.wait(1)
        scene.ack(10)
    assert scene.finding("fills holes as history").verdict is Verdict.NOT_SHOWN


def test_an_outage_says_nothing_of_the_pace() -> None:
    scene = Scene()
    scene.record(25)
    scene.wait(40)
    scene.send(range(25, 40))
    assert scene.finding("sample rate").verdict is Verdict.KEPT


def test_a_broker_that_raises_the_qos_leaves_it_unknown() -> None:
    scene = Scene()
    scene.send([0], qos=2)
    assert scene.finding("QoS 1").verdict is Verdict.NOT_SHOWN


def test_a_malformed_ack_is_not_the_devices_fault() -> None:
    scene = Scene()
    scene.send([0])
    scene.say(Lane.ACK, b"\xc1")
    assert scene.finding("payload and version").verdict is Verdict.KEPT


def test_topics_of_the_scene_are_those_of_the_wire() -> None:
    assert str(DeviceTopic("g1", "d1", Lane.HISTORY)) == "pcg/v1/g1/d1/audio-history"
