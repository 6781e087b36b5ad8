"""A check names each broken rule with its evidence."""

from collections.abc import Callable

import pytest

from ingest.chunk import Lane, encode
from ingest.device_check import Outcome
from ingest.device_findings import Verdict
from tests.unit.ingest.device_scene import RATE_HZ, Scene


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
