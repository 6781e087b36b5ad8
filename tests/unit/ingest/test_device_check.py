"""A check blames no device that keeps the rules, nor for what was not shown."""

from ingest.chunk import DeviceTopic, Lane
from ingest.device_check import Outcome
from ingest.device_findings import Verdict
from ingest.device_rules import RULES
from tests.unit.ingest.device_scene import RATE_HZ, Scene


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
