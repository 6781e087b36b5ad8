"""The alarm worker on a real Kafka: killed at any moment, it loses nothing and repeats nothing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_processors.placement import partition_of
from stream_processors.records import encode
from stream_processors.topics import RESULTS
from tests import kafka_log
from tests.alarm_ward import PARTITIONS, AlarmWard, alarm_ward
from tests.servers import ApacheKafka, EmbeddedKafka

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(params=[EmbeddedKafka])
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AlarmWard]:
    with alarm_ward(request.param, tmp_path) as made:
        yield made


@pytest.mark.parametrize("ward", [EmbeddedKafka, ApacheKafka], indirect=True)
def test_an_alarm_is_raised_acknowledged_and_cleared(ward: AlarmWard) -> None:
    ward.assign("bed-1")
    ward.add_worker()
    ward.windows("bed-1", 4, abnormal=0.9)
    ward.wait_for("bed-1", "raised*")
    raised = ward.events("bed-1")[-1]
    assert (raised.cause, raised.bed) == ("screen abnormal 0.90 >= 0.84", "1")
    assert raised.strip is not None
    ward.act("bed-1", "acknowledge", episode_id=raised.episode_id)
    ward.wait_for("bed-1", "acknowledged")
    ward.windows("bed-1", 2, abnormal=0.1)
    ward.wait_for("bed-1", "cleared")
    assert ward.told("bed-1") == ["pending", "raised*", "acknowledged", "cleared"]


@pytest.mark.parametrize(
    "ward", [EmbeddedKafka, pytest.param(ApacheKafka, marks=pytest.mark.slow)], indirect=True
)
def test_pending_counts_go_on_after_a_kill(ward: AlarmWard) -> None:
    ward.assign("bed-1")
    worker = ward.add_worker()
    shown = ward.windows("bed-1", 3, abnormal=0.9)
    ward.wait_for("bed-1", "pending")
    ward.wait_for_results(worker, 3)
    worker.kill()
    ward.again(shown)
    ward.add_worker()
    ward.windows("bed-1", 1, abnormal=0.9)
    ward.wait_for("bed-1", "raised*")
    assert ward.told("bed-1") == ["pending", "raised*"]


def test_acknowledged_stays_acknowledged_after_a_kill(ward: AlarmWard) -> None:
    ward.assign("bed-1")
    worker = ward.add_worker()
    ward.windows("bed-1", 4, abnormal=0.9)
    ward.wait_for("bed-1", "raised*")
    ward.act("bed-1", "acknowledge")
    ward.wait_for("bed-1", "acknowledged")
    worker.kill()
    second = ward.add_worker()
    ward.windows("bed-1", 6, abnormal=0.9)
    ward.wait_for_results(second, 6)
    assert ward.told("bed-1") == ["pending", "raised*", "acknowledged"]


@pytest.mark.slow  # the failure tests kill it in a whole ward, at moments drawn by chance
def test_killed_again_and_again_it_loses_no_alarm_and_rings_none_twice(ward: AlarmWard) -> None:
    beds = [f"bed-{number}" for number in range(6)]
    for bed in beds:
        ward.assign(bed)
    for round_no in range(4):
        worker = ward.add_worker()
        for bed in beds:
            ward.windows(bed, 2, abnormal=0.9)
        time.sleep(6.5 + 0.4 * round_no)  # about when it has its partitions, and begins
        worker.kill()
    ward.add_worker()
    for bed in beds:
        ward.windows(bed, 1, abnormal=0.9)
        ward.wait_for(bed, "raised*", timeout_s=90)
    for bed in beds:
        assert ward.told(bed) == ["pending", "raised*"]
        versions = {(e.event_id, encode(e)) for e in ward.events(bed)}
        assert len(versions) == 2, "an event has gone out in two versions"


def test_of_two_workers_one_takes_over_what_the_other_began(ward: AlarmWard) -> None:
    beds = [f"bed-{number}" for number in range(6)]
    for bed in beds:
        ward.assign(bed)
    first, second = ward.add_worker(), ward.add_worker()
    ward.wait_until_shared(first, second)
    for bed in beds:
        ward.windows(bed, 4, abnormal=0.9)
    for bed in beds:
        ward.wait_for(bed, "raised*")
        ward.act(bed, "acknowledge")
    for bed in beds:
        ward.wait_for(bed, "acknowledged")
    first.kill()
    for bed in beds:
        ward.windows(bed, 2, abnormal=0.1)
    for bed in beds:
        ward.wait_for(bed, "cleared")
        assert ward.told(bed) == ["pending", "raised*", "acknowledged", "cleared"]


def test_after_an_outage_only_what_is_still_true_rings(ward: AlarmWard) -> None:
    ward.assign("bed-1")
    ward.assign("bed-2")
    for bed in ("bed-1", "bed-2"):
        ward.windows(bed, 6, abnormal=0.9, ago_s=1000)
    for ago_s in (600, 10):
        ward.windows("bed-1", 40, abnormal=0.1, ago_s=ago_s)
        ward.windows("bed-2", 40, abnormal=0.9, ago_s=ago_s)
    ward.add_worker()
    ward.wait_for("bed-2", "rang*")
    assert ward.told("bed-1") == ["pending", "raised", "cleared"]
    assert ward.told("bed-2") == ["pending", "raised", "rang*"]


def test_a_device_that_nobody_has_heard_is_offline_once_the_bridge_is_there(
    ward: AlarmWard,
) -> None:
    ward.assign("bed-1", limits={"offline_s": 10.0})
    ward.add_worker()
    deadline_s = time.monotonic() + 90
    while "raised*" not in ward.told("bed-1"):
        assert time.monotonic() < deadline_s
        ward.bridge_beats()
        time.sleep(1)
    assert ward.events("bed-1")[0].cause == "not heard for 10 s"


def test_a_bridge_that_falls_silent_is_monitoring_lost(ward: AlarmWard) -> None:
    ward.add_worker()
    ward.bridge_beats("bridge-7")
    ward.wait_for("_pipeline", "raised*", timeout_s=90)
    lost = ward.events("_pipeline")[0]
    assert lost.condition == "monitoring_lost/bridge-7"
    assert lost.cause == "no word of bridge bridge-7 for 10 s"
    assert lost.priority == "high"


def test_a_device_lies_where_the_workers_look_for_it(ward: AlarmWard) -> None:
    for number in range(20):
        ward.windows(f"bed-{number}", 1, abnormal=0.1)
    found = kafka_log.entries(ward.kafka, RESULTS)
    places = {(entry.key or b"").decode(): entry.partition for entry in found}
    assert places == {device_id: partition_of(device_id, PARTITIONS) for device_id in places}
    assert set(places.values()) == set(range(PARTITIONS))


def test_refused_limits_are_an_alarm_and_the_wards_hold(ward: AlarmWard) -> None:
    ward.assign("bed-1", limits={"tachycardia_bpm": 7.0})
    ward.add_worker()
    ward.windows("bed-1", 4, abnormal=0.9)
    ward.wait_for("bed-1", "raised*")
    causes = [event.cause for event in ward.events("bed-1")]
    assert any("tachycardia_bpm 7.0 is not in 60 to 215" in cause for cause in causes)
    assert any("screen abnormal" in cause for cause in causes)
