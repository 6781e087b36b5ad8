"""The present of the ward, as its tiles show it."""

import base64

import msgspec
import numpy as np
import pytest

from dashboards.console.live.alarm_pictures import alarms_of
from dashboards.console.live.hub import MOST_WAITING_BYTES, Hub, Interest, Subscriber
from dashboards.console.live.pictures import PulsePicture
from dashboards.console.live.room import Room
from dashboards.console.live.strips import strip_of
from models.errors import RecordError
from stream_processors.alarms.conditions import AUDIO_PAUSE
from stream_processors.alarms.events import shelf_id
from stream_processors.records import Heartbeat, Quality, encode
from stream_processors.topics import ASSIGNMENTS, HEARTBEATS, RESULTS
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.examples import NOW_US, alarm_state, episode, fill

ALL = Interest(wards=None, unassigned=True)
WEST = Interest(wards=frozenset({"west"}), unassigned=False)


def _standing(room: Room, device_id: str, now_us: int = NOW_US) -> str:
    bed = room.ward.bed(device_id)
    assert bed is not None
    return bed.picture(now_us).standing


def _take(room: Room, result: object, at_us: int = NOW_US) -> None:
    record = encode(result)  # type: ignore[arg-type]
    room.take(RESULTS.name, b"dev", record, at_us)


def test_a_tile_says_rate_finding_quality_and_battery(room: Room) -> None:
    fill(room, ("west", 1))
    (bed,) = room.ward.pictures(NOW_US)
    assert (bed.ward, bed.bed, bed.patient_id) == ("west", "1", "p-west-1")
    assert (bed.rate_bpm, bed.finding, bed.probability) == (72.4, "normal", 0.9)
    assert (bed.verdict, bed.battery_fraction, bed.standing) == ("good", 0.8, "normal")


def test_a_bed_without_results_for_ten_seconds_no_longer_shows_what_was_found(room: Room) -> None:
    fill(room, ("west", 1))
    assert _standing(room, "dev-west-1", NOW_US + 9_000_000) == "normal"
    assert _standing(room, "dev-west-1", NOW_US + 11_000_000) == "silent"


def test_a_device_that_says_good_bye_is_offline_once_its_results_end(room: Room) -> None:
    fill(room, ("west", 1))
    assert room.ward.take_status("dev-west-1", examples.status(state="offline"))
    assert _standing(room, "dev-west-1", NOW_US + 11_000_000) == "offline"


def test_poor_signal_is_told_apart_from_a_finding(room: Room) -> None:
    fill(room, ("west", 1))
    _take(room, examples.result(index=11, quality=Quality(score=0.4, verdict="poor")))
    assert _standing(room, "dev-west-1") == "poor"


def test_what_is_late_or_repeated_changes_nothing(room: Room) -> None:
    fill(room, ("west", 1))
    _take(room, examples.result(index=10, label="abnormal"))
    _take(room, examples.result(index=11, label="abnormal", late=True))
    assert _standing(room, "dev-west-1") == "normal"
    _take(room, examples.result(index=12, label="abnormal"))
    assert _standing(room, "dev-west-1") == "abnormal"


def test_the_worst_comes_first(room: Room) -> None:
    fill(room, ("west", 1), ("west", 2), ("west", 3))
    examples.raise_alarm(room, alarm_state(episode(priority="high"), bed=3))
    examples.raise_alarm(room, alarm_state(episode(), bed=2))
    assert [bed.bed for bed in room.ward.pictures(NOW_US)] == ["3", "2", "1"]


def test_a_paused_or_acknowledged_alarm_is_seen_and_not_heard() -> None:
    (loud,) = alarms_of(alarm_state(episode()))
    assert loud.sounds
    (acknowledged,) = alarms_of(alarm_state(episode(state="acknowledged")))
    pause = episode(episode_id="p", condition=AUDIO_PAUSE, until_us=NOW_US + 1)
    (paused,) = alarms_of(alarm_state(episode(), pause))
    assert not acknowledged.sounds
    assert not paused.sounds
    assert paused.title == "Heart rate high"


def test_a_shelf_is_shown_by_itself_where_no_alarm_lies_on_it(room: Room) -> None:
    fill(room, ("west", 1))
    shelves = {"tachycardia": NOW_US + 2, "offline": NOW_US + 1, "bradycardia": NOW_US + 3}
    state = alarm_state(
        episode(state="shelved", until_us=NOW_US + 2), episode(condition="offline", state="pending")
    )
    examples.raise_alarm(room, msgspec.structs.replace(state, shelves=shelves))
    (bed,) = room.ward.pictures(NOW_US)
    assert [alarm.condition for alarm in bed.alarms] == ["tachycardia"]
    assert [(shelf.title, shelf.until_us) for shelf in bed.shelves] == [
        ("Device offline", NOW_US + 1),
        ("Heart rate low", NOW_US + 3),
    ]
    assert bed.shelves[0].shelf_id == shelf_id("dev-west-1", "offline", NOW_US + 1)


def test_a_device_on_no_bed_is_shown_to_those_who_may_assign_it(room: Room) -> None:
    of_nobody = msgspec.structs.replace(
        examples.result(), assignment_id=None, patient_id=None, ward=None, bed=None
    )
    _take(room, of_nobody)
    assert len(room.snapshot(ALL).beds) == 1
    assert not room.snapshot(WEST).beds


def test_a_bed_that_is_moved_leaves_the_pages_of_its_old_ward(room: Room) -> None:
    fill(room, ("west", 1))
    page = room.hub.join(WEST)
    moved = examples.assignment(ward="east", device_id="dev-west-1", from_us=NOW_US - 1)
    room.take(ASSIGNMENTS.name, b"east-1", encode(moved), NOW_US)
    sent = b"".join(page._waiting)
    assert b"event: gone" in sent
    assert b"p-east-1" not in sent


def test_what_was_heard_of_one_patient_is_not_shown_of_the_next(room: Room) -> None:
    fill(room, ("west", 1))
    given = examples.assignment(assignment_id="west-1b", patient_id="p-new", from_us=NOW_US - 1)
    room.take(ASSIGNMENTS.name, b"west-1b", encode(given), NOW_US)
    (bed,), strips = room.snapshot(ALL).beds, room.snapshot(ALL).strips
    assert (bed.patient_id, bed.standing, bed.rate_bpm) == ("p-new", "waiting", None)
    assert not strips
    _take(room, examples.result(index=11))  # of who wore it before, and still on its way
    assert room.snapshot(ALL).beds[0].standing == "waiting"
    _take(room, examples.result(index=12, patient_id="p-new"))
    assert room.snapshot(ALL).beds[0].standing == "normal"


def test_a_device_that_nobody_wears_any_more_and_nobody_hears_goes_from_the_pages(
    room: Room,
) -> None:
    room.take(ASSIGNMENTS.name, b"west-1", encode(examples.assignment()), NOW_US)
    page = room.hub.join(ALL)
    ended = examples.assignment(until_us=NOW_US - 1)
    room.take(ASSIGNMENTS.name, b"west-1", encode(ended), NOW_US)
    assert b"event: gone" in b"".join(page._waiting)
    assert not room.snapshot(ALL).beds


def test_pages_get_only_what_they_may_see(room: Room) -> None:
    west, everything = room.hub.join(WEST), room.hub.join(ALL)
    fill(room, ("east", 1))
    assert not west._waiting
    assert b"dev-east-1" in b"".join(everything._waiting)


def test_a_tiles_strip_keeps_every_peak_and_half_the_samples() -> None:
    result = examples.result()
    small = strip_of(result, whole=False)
    samples = np.frombuffer(base64.b64decode(small.samples), np.int8)
    whole = np.frombuffer(result.strip.samples, "<i2")
    assert len(samples) == len(whole) // 2
    assert small.sample_rate_hz == 250
    assert samples.max() == whole.max() >> 8
    assert small.s1_s == (0.5,)
    assert small.start_us == result.start_us + 2_500_000


async def test_a_page_that_does_not_keep_up_costs_no_more_memory() -> None:
    hub = Hub()
    page = hub.join(ALL)
    pulse = PulsePicture(server_us=1, lost=("x" * 1_000_000,))
    for _ in range(10):
        hub.to_all("pulse", pulse)
    assert page.overflowed
    assert page._bytes <= MOST_WAITING_BYTES
    assert await page.next() == b""


async def test_what_waits_for_a_page_goes_out_together_and_in_order() -> None:
    page = Subscriber(ALL)
    page.put(b"one")
    page.put(b"two")
    assert await page.next() == b"onetwo"


def test_monitoring_is_lost_when_a_part_is_not_heard_for_ten_seconds(room: Room) -> None:
    beats = [
        Heartbeat(
            process="x",
            kind=kind,
            instance=f"{kind}-1",
            pid=1,
            at_us=NOW_US,
            started_us=0,
            partitions=("pcg.audio/0",) if kind == "audio" else (),
        )
        for kind in ("bridge", "audio", "alarms")
    ]
    for beat in beats:
        room.take(HEARTBEATS.name, b"_pipeline/x", encode(beat), NOW_US)
    assert room.ward.pulse(NOW_US + 9_000_000).lost == ()
    lost = room.ward.pulse(NOW_US + 11_000_000).lost
    assert any("bridge" in words for words in lost)
    assert any("alarm" in words for words in lost)


def test_a_ward_without_an_alarm_worker_is_not_monitored(room: Room) -> None:
    assert room.ward.pulse(NOW_US + 5_000_000).lost == ()
    assert len(room.ward.pulse(NOW_US + 11_000_000).lost) == 3


def test_what_is_no_record_is_refused_and_changes_nothing(room: Room) -> None:
    with pytest.raises(RecordError):
        room.take(RESULTS.name, b"dev", b"\x81\xa1x\x01", NOW_US)
    assert not room.ward.pictures(NOW_US)


def test_a_snapshot_is_plain_json(room: Room) -> None:
    fill(room, ("west", 1))
    decoded = msgspec.json.decode(msgspec.json.encode(room.snapshot(ALL)))
    assert decoded["beds"][0]["bed"] == "1"
    assert decoded["strips"][0]["device_id"] == "dev-west-1"
