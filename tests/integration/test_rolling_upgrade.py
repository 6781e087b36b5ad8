"""Part after part is replaced by the next version, whose records are of another version too.

The next version is a copy of this tree. Where a record's version is one more, who reads it comes
first, as the notes of a release say; where records only gain a field, any order will do. Console
and alarms read each other: so of these two orders each has what the other may not have.
"""

import time
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from stream_processors import records
from stream_processors.records import (
    AlarmAction,
    AlarmEvent,
    AlarmState,
    Assignment,
    DeadLetter,
    Record,
    WindowResult,
    decode,
    identity,
)
from stream_processors.topics import (
    ALARM_ACTIONS,
    ALARM_STATE,
    ALARMS,
    ASSIGNMENTS,
    DEAD_LETTERS,
    RESULTS,
    Topic,
)
from tests import influxql, kafka_log
from tests.alarm_ward import AlarmWard
from tests.benchmarks.ward import acknowledged
from tests.chaos.harness import Ward, load_on
from tests.next_version import NEXT, as_next, next_version, out_of
from tests.processes import Part, addresses
from tests.recording_console import Console, Program
from tests.servers import EmbeddedKafka, EmbeddedMqtt, InfluxDb
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(
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


def test_no_window_is_lost_while_part_after_part_is_replaced(ward: Ward, tmp_path: Path) -> None:
    tree = next_version(tmp_path / "next", higher=[WindowResult])
    database = ward.database
    assert database is not None
    assert ward.writer is not None
    with load_on(ward, devices=5) as running:
        ward.writer.stop()
        ward.writer = part(ward, "writer-next", "stream_processors.influx", tree)
        ward.workers.pop().stop()
        ward.workers.append(part(ward, "worker-next", "stream_processors.app", tree))
        until(lambda: NEXT in versions(ward), "a result of the next version", timeout_s=60)
        ward.bridge.stop()
        ward.bridge = part(ward, "bridge-next", "ingest.bridge", tree)
        time.sleep(6)
        expected = acknowledged(running.end())

    def stored() -> set[tuple[str, int, int]]:
        rows = influxql.rows(database, "SELECT boot_id, window_index, quality, device FROM heart")
        return {(row["device"], row["boot_id"], row["window_index"]) for row in rows}

    until(lambda: expected <= stored(), "every window is in the database", timeout_s=90)
    assert set(versions(ward)) == {1, NEXT}
    letters = kafka_log.entries(ward.connection, DEAD_LETTERS)
    assert [decode(DeadLetter, letter.value).reason for letter in letters] == []


def part(ward: Ward, name: str, module: str, tree: Path) -> Part:
    assert ward.database is not None
    settings = addresses(ward.mqtt, ward.kafka) | influxql.settings(ward.database) | out_of(tree)
    return Part(name, module, settings, folder=ward.folder).start()


def versions(ward: Ward) -> list[int]:
    """Of every result: one that this tree cannot read is of the next."""
    return [
        msgspec.msgpack.decode(entry.value)["v"]
        for entry in kafka_log.entries(ward.connection, RESULTS)
    ]


class Order(NamedTuple):
    """Who is replaced after whom, and whose version may go up with that."""

    parts: tuple[str, ...]
    higher: Collection[type[Record]]
    wider: Collection[type[Record]]


READERS_FIRST = Order(
    ("alarms", "console", "results"),
    higher=(WindowResult, AlarmAction, Assignment),
    wider=(AlarmEvent, AlarmState),
)
WRITERS_FIRST = Order(
    ("results", "console", "alarms"),
    higher=(AlarmEvent, AlarmState),
    wider=(WindowResult, AlarmAction, Assignment),
)
_LOW_LIMITS = {
    "finding_probability": 0.4,
    "finding_clear_probability": 0.3,
    "finding_k": 1.0,
    "finding_n": 1.0,
}
TOPICS: dict[type[Record], Topic] = {
    WindowResult: RESULTS,
    AlarmAction: ALARM_ACTIONS,
    Assignment: ASSIGNMENTS,
    AlarmEvent: ALARMS,
    AlarmState: ALARM_STATE,
}


class Upgraded:
    """An alarm worker, a console, and results as an audio worker would publish them."""

    def __init__(self, folder: Path, tree: Path, higher: Collection[type[Record]]) -> None:
        self.kafka = EmbeddedKafka(folder / "kafka").start()
        self.beds = AlarmWard(self.kafka, folder)
        self._folder = folder
        self._tree = tree
        self._higher = higher
        self._alarms = self.beds.add_worker()
        self._console = self._started({})
        self.program = Program(self._console)

    def upgrade(self, name: str) -> None:
        """End a part as an operator does, and start the next version in its place."""
        match name:
            case "alarms":
                self._alarms.stop()
                self._alarms = self.beds.add_worker(environment=out_of(self._tree))
            case "console":
                self._console.stop()
                self._console = self._started(out_of(self._tree))
                self.program = Program(self._console)
            case _:
                version = NEXT if WindowResult in self._higher else 1
                self.beds.written = partial(as_next, version=version)

    def answer(self, bed: str) -> None:
        """As somebody does at the console, once it shows the alarm."""
        episode_id = self.beds.events(bed)[-1].episode_id
        until(lambda: episode_id in self._open(), f"the console shows {bed}", timeout_s=60)
        asked = {"device_id": bed, "episode_id": episode_id, "action": "acknowledge"}
        assert self.program.post("/alarms/actions", asked)["stored"]
        self.beds.wait_for(bed, "acknowledged")

    def exchange(self, bed: str) -> None:
        """All records there and back: limits, windows that ring by them, and an answer."""
        known, path = f"of-{bed}", "/assignments"
        until(
            lambda: known in {each["assignment_id"] for each in self.listed(path)},
            f"the console knows {known}",
            timeout_s=60,
        )
        self.program.put(f"{path}/{known}/limits", {"limits": _LOW_LIMITS})

        def raised() -> bool:
            self.beds.windows(bed, 1, abnormal=0.5)  # which is nothing by the ward's limits
            return "raised*" in self.beds.told(bed)

        until(raised, f"the alarms know the limits of {bed}", timeout_s=60, every_s=1)
        self.answer(bed)

    def listed(self, path: str) -> list[Any]:
        rows: list[Any] = self.program.get(f"{path}?limit=1000")["results"]
        return rows

    def written(self, kind: type[Record]) -> list[dict[str, Any]]:
        """What is on its topic, whoever wrote it; a state that is over has none."""
        found = kafka_log.entries(self.beds.kafka, TOPICS[kind])
        return [msgspec.msgpack.decode(entry.value) for entry in found if entry.value]

    def fall_silent(self) -> None:
        """Nothing more is published: alarms go on as time goes on."""
        self._alarms.stop()

    def logs(self) -> list[Path]:
        """What the parts have said."""
        return [*self._folder.glob("alarms-*.log"), self._console.log]

    def close(self) -> None:
        self._console.kill()
        self.beds.close()
        self.kafka.kill()

    def _open(self) -> set[str]:
        return {alarm["episode_id"] for alarm in self.program.get("/alarms")}

    def _started(self, environment: dict[str, str]) -> Console:
        more = {"HEARTWARD_CONSOLE_GROUP": "console"} | environment
        return Console(self._folder, self.kafka, more).start()


@pytest.mark.parametrize("order", [READERS_FIRST, WRITERS_FIRST], ids=["readers", "writers"])
def test_alarms_and_console_lose_no_window_alarm_or_answer(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = next_version(tmp_path / "next", higher=order.higher, wider=order.wider)
    monkeypatch.setattr(records, "_READABLE_VERSIONS", (1, NEXT))  # for this test's own eyes
    ward = Upgraded(tmp_path, tree, order.higher)
    beds = ward.beds
    try:
        for number in range(1, 4 + len(order.parts)):
            beds.assign(f"bed-{number}")
        beds.windows("bed-1", 4, abnormal=0.9)
        beds.wait_for("bed-1", "raised*")
        ward.answer("bed-1")
        beds.windows("bed-2", 1, abnormal=0.9)
        ward.exchange("bed-3")
        for number, name in enumerate(order.parts, start=4):
            ward.upgrade(name)
            beds.windows("bed-2", 1, abnormal=0.9)  # 4 of 6 raise: each version counts on
            ward.exchange(f"bed-{number}")
        beds.wait_for("bed-2", "raised*")
        ward.answer("bed-2")
        for bed in ("bed-1", "bed-2"):
            beds.windows(bed, 2, abnormal=0.1)
            beds.wait_for(bed, "cleared")
            assert beds.told(bed) == ["pending", "raised*", "acknowledged", "cleared"]
        ward.fall_silent()
        assert_all_is_stored(ward)
        assert_versions(ward, order)
        assert_nothing_was_refused(ward)
    finally:
        ward.close()


def assert_all_is_stored(ward: Upgraded) -> None:
    """The console's history has every window and every transition once."""
    published = {
        identity(result) for result in kafka_log.records(ward.beds.kafka, RESULTS, WindowResult)
    }
    events = {event.event_id for event in ward.beds.events()}
    history = "/alarms/history"
    until(lambda: len(ward.listed("/results")) >= len(published), "windows", timeout_s=60)
    until(lambda: len(ward.listed(history)) >= len(events), "transitions", timeout_s=60)
    stored = [
        (row["device_id"], row["boot_id"], row["window_index"]) for row in ward.listed("/results")
    ]
    assert sorted(stored) == sorted(published)
    assert sorted(row["event_id"] for row in ward.listed(history)) == sorted(events)


def assert_versions(ward: Upgraded, order: Order) -> None:
    """Every record was there as both versions write it."""
    for kind in TOPICS:
        found = ward.written(kind)
        assert {record.get("told_by") for record in found} == {None, "next"}, kind
        assert {record["v"] for record in found} == ({1, NEXT} if kind in order.higher else {1})


def assert_nothing_was_refused(ward: Upgraded) -> None:
    """No dead letter, and nobody has passed over a record."""
    letters = kafka_log.records(ward.beds.kafka, DEAD_LETTERS, DeadLetter)
    assert [letter.reason for letter in letters] == []
    said = "".join(log.read_text() for log in ward.logs())
    assert "unreadable" not in said
    assert "passed over" not in said
