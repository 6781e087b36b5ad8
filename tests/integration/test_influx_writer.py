"""The writer process between a real Kafka and a real InfluxDB 2."""

import itertools
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.connections import KafkaConnection, load
from stream_processors.records import DeadLetter, Heartbeat, WindowResult, decode
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import DEAD_LETTERS, HEARTBEATS, RESULTS
from tests import influxql, kafka_log
from tests.full_disk import SmallDiskInfluxDb
from tests.processes import Part
from tests.results import FINDING, START_US, window_result
from tests.servers import ApacheKafka, EmbeddedKafka, InfluxDb, Server
from tests.waiting import until

_devices = itertools.count()


class Bench:
    """Kafka, a database and writers; devices are new in every test."""

    def __init__(self, kafka: Server, database: InfluxDb, folder: Path) -> None:
        self.kafka_server = kafka
        self.kafka = load(KafkaConnection, {"servers": kafka.address})
        self.database = database
        self.device = f"device-{next(_devices)}"
        self._folder = folder
        self._parts: list[Part] = []
        apply_topics(self.kafka, partitions=2)

    def writer(self, group: str = "first", **influx: str) -> Part:
        number = len(self._parts)
        settings = influxql.settings(self.database, group=group, **influx)
        kafka = {"HEARTWARD_KAFKA_SERVERS": self.kafka.servers}
        part = Part(
            f"writer-{number}", "stream_processors.influx", settings | kafka, folder=self._folder
        )
        self._parts.append(part)
        return part

    def stop(self) -> None:
        for part in self._parts:
            part.kill()

    def windows(self, number: int, **changes: object) -> list[WindowResult]:
        return [window_result(self.device, k, **changes) for k in range(number)]

    def publish(self, results: Iterable[WindowResult]) -> None:
        kafka_log.publish(self.kafka, RESULTS, ((r.device_id, r) for r in results))

    def points(self, fields: str, group_by: str = "model") -> list[dict[str, Any]]:
        where = f"device = '{self.device}' AND model = 'screen'"
        statement = f"SELECT {fields} FROM heart WHERE {where} GROUP BY {group_by}"  # noqa: S608
        return influxql.rows(self.database, statement)

    def stored(self, measurement: str = "heart", field: str = "quality") -> int:
        where = f"device = '{self.device}'"
        return influxql.count(self.database, measurement, field, where)

    def wait_for(self, number: int, timeout_s: float = 30.0) -> float:
        return until(lambda: self.stored() >= number, f"{number} points", timeout_s=timeout_s)

    def wait_until_settled(self, name: str, results: int) -> None:
        """Until a writer has brought so many results to their end."""

        def settled() -> bool:
            beats = [beat for beat in self.heartbeats() if beat.instance == name]
            return bool(beats) and beats[-1].counters["results"] >= results

        until(settled, f"{name} has settled {results} results", timeout_s=30)

    def heartbeats(self) -> list[Heartbeat]:
        return kafka_log.records(self.kafka, HEARTBEATS, Heartbeat)

    def reasons(self) -> dict[int, str]:
        """Why which windows were dead-lettered."""
        letters = kafka_log.records(self.kafka, DEAD_LETTERS, DeadLetter)
        return {decode(WindowResult, x.payload).window_index: x.reason for x in letters}


@pytest.fixture(params=[EmbeddedKafka])
def bench(request: pytest.FixtureRequest, influxdb: InfluxDb, tmp_path: Path) -> Iterator[Bench]:
    kafka: Server = request.param(tmp_path / "kafka")
    bench = Bench(kafka.start(), influxdb, tmp_path)
    try:
        yield bench
    finally:
        bench.stop()
        kafka.kill()


@pytest.fixture
def own_database(bench: Bench, tmp_path: Path) -> Iterator[InfluxDb]:
    """A database that the test may kill."""
    bench.database = InfluxDb(tmp_path / "influxdb").start()
    yield bench.database
    bench.database.stop()


@pytest.mark.parametrize(
    "bench", [EmbeddedKafka, pytest.param(ApacheKafka, marks=pytest.mark.slow)], indirect=True
)
def test_a_replay_overwrites_what_is_there(bench: Bench) -> None:
    bench.publish(bench.windows(1000))
    bench.writer("first").start()
    bench.wait_for(1000)
    bench.writer("second", name="again").start()
    bench.wait_until_settled("again", 1000)
    assert bench.stored() == 1000
    assert bench.stored("latency", "end_to_end_ms") == 1000


def test_points_are_found_with_influxql(bench: Bench) -> None:
    bench.publish(bench.windows(3, ward="Ward 3, east=left", bed='7 "window"'))
    bench.writer().start()
    bench.wait_for(3)
    found = bench.points("probability_abnormal, window_index", group_by="ward, bed")
    assert [row["window_index"] for row in found] == [0, 1, 2]
    assert {row["probability_abnormal"] for row in found} == {0.75}
    assert {(row["ward"], row["bed"]) for row in found} == {("Ward 3, east=left", '7 "window"')}
    assert found[1]["time"] == window_result(bench.device, 1).start_us


@pytest.mark.slow
def test_a_killed_writer_leaves_nothing_out(bench: Bench) -> None:
    bench.publish(bench.windows(4000))
    writer = bench.writer().start()
    bench.wait_for(1)
    writer.kill()
    assert bench.stored() < 4000
    writer.start()
    bench.wait_for(4000)
    assert bench.stored() == 4000


@pytest.mark.slow
def test_a_killed_database_loses_nothing_and_gets_the_rest(
    bench: Bench, own_database: InfluxDb
) -> None:
    windows = bench.windows(4000)
    bench.writer().start()
    for start in range(0, 4000, 1000):
        bench.publish(windows[start : start + 1000])
        bench.wait_for(start + 1)
        own_database.kill()
        time.sleep(0.5)
        own_database.start()
    bench.wait_for(4000)
    assert bench.stored() == 4000


@pytest.mark.slow
def test_a_database_that_stands_still_loses_nothing(bench: Bench, own_database: InfluxDb) -> None:
    windows = bench.windows(2000)
    bench.writer().start()
    bench.publish(windows[:500])
    bench.wait_for(500)
    own_database.send_signal(signal.SIGSTOP)
    bench.publish(windows[500:])
    time.sleep(12)
    own_database.send_signal(signal.SIGCONT)
    bench.wait_for(2000)
    beat = bench.heartbeats()[-1]
    assert beat.counters["retries"] >= 1
    assert beat.counters["dead_letters"] == 0


def test_a_database_that_comes_later_is_waited_for(bench: Bench, own_database: InfluxDb) -> None:
    own_database.stop()
    writer = bench.writer().start()
    bench.publish(bench.windows(10))
    until(lambda: bool(bench.heartbeats()), "a heartbeat", timeout_s=10)
    assert writer.is_running
    own_database.start()
    bench.wait_for(10)


@pytest.fixture
def small_disk(bench: Bench, tmp_path: Path) -> Iterator[SmallDiskInfluxDb]:
    bench.database = database = SmallDiskInfluxDb(tmp_path / "small-disk").start()
    yield database
    database.close()


def test_a_full_disk_holds_the_writer_up_and_loses_nothing(
    bench: Bench, small_disk: SmallDiskInfluxDb
) -> None:
    """InfluxDB 2.7 itself must be started again once there is room."""
    windows = bench.windows(1000)
    bench.writer().start()
    bench.publish(windows[:10])
    bench.wait_for(10)
    small_disk.fill()
    bench.publish(windows[10:])
    until(lambda: bench.heartbeats()[-1].counters["retries"] >= 3, "retries", timeout_s=60)
    assert bench.heartbeats()[-1].counters["database_away"] == 1
    small_disk.stop()
    small_disk.free()
    small_disk.start()
    bench.wait_for(1000, timeout_s=60)
    assert bench.stored() == 1000
    assert bench.heartbeats()[-1].counters["dead_letters"] == 0


def test_only_the_refused_result_is_dead_lettered(bench: Bench) -> None:
    """One makes the whole batch unreadable to the database, one contradicts an earlier type."""
    odd = msgspec.structs.replace(FINDING, probabilities={f"of-{bench.device}": 1.0})
    influxql.write(bench.database, f"heart probability_of-{bench.device}=1i {START_US}")
    windows = bench.windows(300)
    windows[50] = msgspec.structs.replace(windows[50], start_us=9_999_999_999_999_999)
    windows[60] = msgspec.structs.replace(windows[60], findings=(odd,))
    bench.publish(windows)
    bench.writer().start()
    bench.wait_for(298)
    until(lambda: len(bench.reasons()) == 2, "two results dead-lettered", timeout_s=10)
    assert "time outside range" in bench.reasons()[50]
    assert "field type conflict" in bench.reasons()[60]
    assert bench.stored() == 298


def test_the_fuller_version_of_a_window_stays(bench: Bench) -> None:
    gappy = bench.windows(3, gap_fraction=0.4)
    full = bench.windows(3, late=True)
    moved = [msgspec.structs.replace(r, start_us=r.start_us + 1234) for r in full]
    bench.writer(name="writer").start()
    for turn, results in enumerate((gappy, moved, gappy), start=1):
        bench.publish(results)
        bench.wait_until_settled("writer", 3 * turn)
    found = bench.points("gap_fraction, late")
    assert [(row["gap_fraction"], row["late"]) for row in found] == [(0, True)] * 3
    assert [row["time"] for row in found] == [r.start_us for r in gappy]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"token": "nobody"}, "unauthorized access"),
        ({"org": "elsewhere"}, 'organization name "elsewhere" not found'),
        ({"bucket": "leaky"}, 'bucket "leaky" not found'),
    ],
)
def test_wrong_settings_end_the_writer_with_one_line(
    bench: Bench, wrong: dict[str, str], said: str
) -> None:
    writer = bench.writer(**wrong).start()
    assert writer.wait(20) == 1
    last = writer.log.read_text().splitlines()[-1]
    assert last.startswith(f"InfluxDB {bench.database.url}")
    assert said in last
    assert "HEARTWARD_INFLUX_TOKEN" in last


def test_without_an_address_the_writer_says_so(tmp_path: Path) -> None:
    writer = Part("writer", "stream_processors.influx", {}, folder=tmp_path).start()
    assert writer.wait(20) == 1
    assert writer.log.read_text() == (
        "no InfluxDB to write to: give its address in HEARTWARD_INFLUX_URL\n"
    )


@pytest.mark.parametrize("away", ["database", "kafka"])
def test_it_ends_in_three_seconds_whatever_is_away(
    bench: Bench, own_database: InfluxDb, away: str
) -> None:
    writer = bench.writer().start()
    bench.publish(bench.windows(10))
    bench.wait_for(10)
    if away == "database":
        own_database.send_signal(signal.SIGSTOP)
        bench.publish(bench.windows(20))
    else:
        bench.kafka_server.send_signal(signal.SIGSTOP)
    time.sleep(2)
    began_s = time.monotonic()
    writer.send_signal(signal.SIGTERM)
    assert writer.wait(10) == 0
    assert time.monotonic() - began_s < 3
