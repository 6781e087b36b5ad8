"""What the pipeline publishes and what the database holds are the same, point by point."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.series import BUCKETS, TASKS, apply, count, total
from deploy.series_sample import sample
from ingest.chunk import decode_status
from ingest.connections import InfluxConnection, load
from models.registry import Registry
from stream_processors.event_points import alarm_line, stats_line, status_line
from stream_processors.line_protocol import parse
from stream_processors.points import HEART, lines
from stream_processors.records import (
    AlarmEvent,
    DeviceStats,
    Heartbeat,
    WindowResult,
    decode,
    identity,
)
from stream_processors.topics import ALARMS, DEVICE_STATS, HEARTBEATS, RESULTS, STATUS, Topic
from tests import influxql, kafka_log
from tests.chaos.harness import Ward, load_on
from tests.influxql import Database
from tests.processes import Part
from tests.servers import ROOT, EmbeddedKafka, EmbeddedMqtt, InfluxDb, InfluxDb1, Server
from tests.waiting import until

Key = tuple[str, frozenset[tuple[str, str]], int]

_CARDINALITY = """import "influxdata/influxdb"
influxdb.cardinality(bucket: "heartward", start: 1970-01-01T00:00:00Z)"""
_EXPECTED: dict[Topic, Callable[[kafka_log.Entry], list[str]]] = {
    RESULTS: lambda e: lines(decode(WindowResult, e.value), e.timestamp_ms * 1000),
    ALARMS: lambda e: [alarm_line(decode(AlarmEvent, e.value))],
    DEVICE_STATS: lambda e: [stats_line(decode(DeviceStats, e.value))],
    STATUS: lambda e: [
        status_line((e.key or b"").decode(), decode_status(e.value), e.timestamp_ms * 1000)
    ],
}


# The first good window raises an alarm, nearly whatever it is.
_LIMITS = """\
finding_probability = 0.06
finding_clear_probability = 0.01
finding_k = 1
finding_n = 1
"""


class AlarmedWard(Ward):
    """With an alarm worker."""

    alarms: Part | None = None

    def start(self, *, workers: int) -> None:
        super().start(workers=workers)
        limits = self.folder / "limits.toml"
        limits.write_text(_LIMITS)
        settings = {"HEARTWARD_ALARMS_LIMITS": str(limits)}
        self.alarms = self._part("alarms", "stream_processors.alarm_app", **settings).start()

    def fall_silent(self) -> None:
        """Nothing more comes to Kafka but the heartbeats of those who only read."""
        self.bridge.stop()
        if self.alarms is not None:
            self.alarms.stop()

    def stop(self) -> None:
        if self.alarms is not None:
            self.alarms.kill()
        super().stop()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[AlarmedWard]:
    ward = AlarmedWard(
        tmp_path,
        mqtt=EmbeddedMqtt(tmp_path / "mqtt"),
        kafka=EmbeddedKafka(tmp_path / "kafka"),
        database=InfluxDb(tmp_path / "database"),
    )
    try:
        ward.start(workers=1)
        yield ward
    finally:
        ward.stop()


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("devices", "seconds", "away_s"), [(6, 8, 4), pytest.param(60, 60, 60, marks=pytest.mark.slow)]
)
def test_every_record_is_one_point_though_writer_and_database_are_killed(
    ward: AlarmedWard, devices: int, seconds: float, away_s: float
) -> None:
    writer, database = ward.writer, ward.database
    assert writer is not None
    assert database is not None
    with load_on(ward, devices=devices) as running:
        time.sleep(seconds / 2)
        writer.kill()
        database.kill()
        time.sleep(1)
        writer.start()
        time.sleep(away_s)
        database.start()
        time.sleep(seconds / 2)
        running.end()
    ward.fall_silent()
    expected = {topic: keys_on(ward, topic) for topic in _EXPECTED}
    wanted = set().union(*expected.values())
    until(lambda: wanted <= held(database), "every point is there", timeout_s=60, every_s=1)
    found = {key for key in held(database) if key[0] not in ("pipeline", "drift")}
    assert found == wanted
    assert len(expected[RESULTS]) >= 2 * devices * seconds / 2.5
    assert expected[ALARMS]
    each_once(database, {identity(one.result) for one in ward.published("")})
    beats = kafka_log.records(ward.connection, HEARTBEATS, Heartbeat)
    assert {beat.kind for beat in beats} == {
        row["process"] for row in influxql.rows(database, "SELECT * FROM pipeline")
    }


def keys_on(ward: Ward, topic: Topic) -> set[Key]:
    """What tells points apart, of all that a topic holds."""
    of_line = _EXPECTED[topic]
    entries = kafka_log.entries(ward.connection, topic)
    parsed = (parse(line) for entry in entries for line in of_line(entry))
    return {(name, frozenset(tags.items()), time_us) for name, tags, _, time_us in parsed}


def held(database: Database) -> set[Key]:
    """The same of all that the database holds."""
    names = [row["name"] for row in influxql.rows(database, "SHOW MEASUREMENTS")]
    found: set[Key] = set()
    for name in names:
        tags_of = [r["tagKey"] for r in influxql.rows(database, f"SHOW TAG KEYS FROM {name}")]
        for row in influxql.rows(database, f"SELECT * FROM {name}"):  # noqa: S608
            tags = frozenset((tag, row[tag]) for tag in tags_of if row[tag])
            found.add((name, tags, row["time"]))
    return found


def each_once(database: Database, windows: set[tuple[str, int, int]]) -> None:
    rows = influxql.rows(database, f"SELECT boot_id, window_index, quality, device FROM {HEART}")  # noqa: S608
    counted = Counter((row["device"], row["boot_id"], row["window_index"]) for row in rows)
    assert set(counted) == windows
    assert set(counted.values()) == {1}


def test_a_wards_series_are_as_many_as_the_command_says(tmp_path: Path) -> None:
    contracts = [m.contract for m in Registry().installed() if m.contract.task != "segment"]
    points = list(sample(20, contracts))
    counted = count(points)
    database, old = InfluxDb(tmp_path / "2").start(), InfluxDb1(tmp_path / "1").start()
    try:
        for each in (database, old):
            influxql.write(each, "\n".join(points))
        answer = influxql.flux(database, _CARDINALITY)
        assert int(answer[1].rpartition(",")[2]) == total(counted)
        measured = influxql.rows(old, "SHOW SERIES EXACT CARDINALITY ON heartward")
        assert sum(row["count"] for row in measured) == total(counted)
    finally:
        database.kill()
        old.kill()


def test_series_of_a_thousand_beds_stay_bounded() -> None:
    contracts = [m.contract for m in Registry().installed() if m.contract.task != "segment"]
    of_one, of_ten = (count(sample(beds, contracts)) for beds in (1, 10))
    per_bed = total(of_ten) - total(of_one)
    of_thousand = total(count(sample(1000, contracts)))
    assert of_thousand == total(of_one) + per_bed // 9 * 999
    assert per_bed // 9 <= 25
    assert f"{of_thousand:,} for 1000 beds" in (ROOT / "ARCHITECTURE.md").read_text()


@pytest.fixture
def empty_influxdb(tmp_path: Path) -> Iterator[InfluxDb]:
    database = InfluxDb(tmp_path / "database")
    database.start()
    yield database
    database.stop()


def test_buckets_and_tasks_are_made_once_and_mended(empty_influxdb: InfluxDb) -> None:
    connection = _connection(empty_influxdb)
    planned = apply(connection, dry_run=True)
    first, second = apply(connection), apply(connection)
    assert [each.action for each in planned] == [each.action for each in first]
    assert {each.action for each in first} >= {"created"}
    assert {each.action for each in second} == {"as it is"}
    assert len(second) == len(BUCKETS) + len(TASKS)


def test_minutes_are_averaged_by_the_task_as_it_ships(influxdb: InfluxDb) -> None:
    connection = _connection(influxdb)
    apply(connection)
    minute_us = (time.time_ns() // 1000 - 300 * 10**6) // 60_000_000 * 60_000_000
    for number, quality in enumerate((0.2, 0.4)):
        at_us = minute_us + number * 1_000_000
        influxql.write(influxdb, f"heart,device=averaged quality={quality},late=false {at_us}")
        influxql.write(influxdb, f"latency,device=averaged end_to_end_ms={100 * quality} {at_us}")
    influxql.flux(influxdb, TASKS[0].flux(influxdb.bucket))
    minutes = influxdb.bucket + BUCKETS[1].suffix
    where = "device = 'averaged' GROUP BY device"
    heart = influxql.rows(influxdb, f"SELECT * FROM heart WHERE {where}", minutes)  # noqa: S608
    delay = influxql.rows(influxdb, f"SELECT * FROM latency WHERE {where}", minutes)  # noqa: S608
    assert [(row["time"], row["windows"]) for row in heart] == [(minute_us, 2)]
    assert heart[0]["quality"] == pytest.approx(0.3)
    assert (delay[0]["end_to_end_ms"], delay[0]["end_to_end_max_ms"]) == pytest.approx((30, 40))


def _connection(database: Server) -> InfluxConnection:
    assert isinstance(database, InfluxDb)
    flags = {
        "url": database.url,
        "token": database.token,
        "org": database.org,
        "bucket": database.bucket,
    }
    return load(InfluxConnection, flags)
