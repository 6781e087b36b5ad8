"""Part after part is replaced by the next version, whose records are of another version too.

The next version is a copy of this tree in which results have a further field and their version is
one more; who reads comes first, as the notes of a release say.
"""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from stream_processors.records import DeadLetter, decode
from stream_processors.topics import DEAD_LETTERS, RESULTS
from tests import influxql, kafka_log
from tests.benchmarks.ward import acknowledged
from tests.chaos.harness import Ward, load_on
from tests.processes import Part, addresses
from tests.servers import ROOT, EmbeddedKafka, EmbeddedMqtt, InfluxDb
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)

_PACKAGES = ("ingest", "models", "stream_processors")


class NextPart(Part):
    """The same module out of the next version's tree."""

    tree: Path

    def environment(self) -> dict[str, str]:
        return super().environment() | {"PYTHONPATH": str(self.tree), "PYTHONSAFEPATH": "1"}


def next_version(folder: Path) -> Path:
    """A tree that reads results of this version and its own, and writes its own."""
    for name in _PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    records = folder / "stream_processors" / "records.py"
    text, versions = re.subn(
        r"_READABLE_VERSIONS = \(RECORD_VERSION,\)",
        "_READABLE_VERSIONS = (RECORD_VERSION, 2)",
        records.read_text(),
    )
    text, results = re.subn(
        r"    window_s: float\n",
        "    window_s: float\n    v: int = 2\n    told_by: str = 'next'\n",
        text,
    )
    assert (versions, results) == (1, 1)
    records.write_text(text)
    return folder


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
    tree = next_version(tmp_path / "next")
    database = ward.database
    assert database is not None
    assert ward.writer is not None
    with load_on(ward, devices=5) as running:
        ward.writer.stop()
        ward.writer = part(ward, "writer-next", "stream_processors.influx", tree)
        ward.workers.pop().stop()
        ward.workers.append(part(ward, "worker-next", "stream_processors.app", tree))
        until(lambda: 2 in versions(ward), "a result of the next version", timeout_s=60)
        ward.bridge.stop()
        ward.bridge = part(ward, "bridge-next", "ingest.bridge", tree)
        time.sleep(6)
        expected = acknowledged(running.end())

    def stored() -> set[tuple[str, int, int]]:
        rows = influxql.rows(database, "SELECT boot_id, window_index, quality, device FROM heart")
        return {(row["device"], row["boot_id"], row["window_index"]) for row in rows}

    until(lambda: expected <= stored(), "every window is in the database", timeout_s=90)
    assert set(versions(ward)) == {1, 2}
    letters = kafka_log.entries(ward.connection, DEAD_LETTERS)
    assert [decode(DeadLetter, letter.value).reason for letter in letters] == []


def part(ward: Ward, name: str, module: str, tree: Path) -> Part:
    assert ward.database is not None
    settings = addresses(ward.mqtt, ward.kafka) | influxql.settings(ward.database)
    made = NextPart(name, module, settings, folder=ward.folder)
    made.tree = tree
    return made.start()


def versions(ward: Ward) -> list[int]:
    """Of every result: one that this tree cannot read is of the next."""
    return [
        msgspec.msgpack.decode(entry.value)["v"]
        for entry in kafka_log.entries(ward.connection, RESULTS)
    ]
