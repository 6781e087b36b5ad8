"""What the InfluxDB writer costs per result, and how fast it catches up.

    python -m tests.benchmarks.bench_influx [--devices 3000 --windows 10]

A backlog lies in Kafka; the writer starts and is timed until the database holds all of it. The
same again as a replay of late results, for each of which the database is asked first.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingest.connections import KafkaConnection, load
from models.contract import PIPELINE_GRID
from stream_processors.records import WindowResult
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import RESULTS
from tests import influxql, kafka_log
from tests.benchmarks import report
from tests.processes import Part, cpu_s
from tests.results import window_result
from tests.servers import EmbeddedKafka, InfluxDb

TARGET_DEVICES = 3000


def backlog(devices: int, windows: int, *, late: bool) -> Iterator[WindowResult]:
    """Every device's window of a hop, then the next; the strip does not compress."""
    strip = msgspec.structs.replace(window_result().strip, samples=os.urandom(2500))
    for index in range(windows):
        for number in range(devices):
            device = f"{'late' if late else 'live'}-{number}"
            yield window_result(device, index, boot_id=number, late=late, strip=strip)


def measure(devices: int, windows: int, *, late: bool, folder: Path) -> dict[str, Any]:
    """Time one backlog from the writer's first point to its last."""
    kafka = EmbeddedKafka(folder / "kafka").start()
    database = InfluxDb(folder / "influxdb").start()
    writer = _writer(kafka, database, folder)
    try:
        connection = load(KafkaConnection, {"servers": kafka.address})
        apply_topics(connection)
        results = backlog(devices, windows, late=late)
        kafka_log.publish(connection, RESULTS, ((r.device_id, r) for r in results))
        writer.start()
        return _timed(writer, database, devices * windows, late=late)
    finally:
        for child in (writer, database, kafka):
            child.kill()


def _writer(kafka: EmbeddedKafka, database: InfluxDb, folder: Path) -> Part:
    settings = influxql.settings(database) | {"HEARTWARD_KAFKA_SERVERS": kafka.address}
    return Part("writer", "stream_processors.influx", settings, folder=folder)


def _timed(writer: Part, database: InfluxDb, results: int, *, late: bool) -> dict[str, Any]:
    while not _stored(database):
        time.sleep(0.01)
    before, already, began_s = _cpu(writer, database), _stored(database), time.monotonic()
    while _stored(database) < results:
        time.sleep(0.1)
    after, took_s = _cpu(writer, database), time.monotonic() - began_s
    written = results - already
    cost_us = {name: (after[name] - before[name]) / written * 1e6 for name in after}
    return {
        "late": late,
        "results": written,
        "points": 2 * written,
        "results_per_s": written / took_s,
        "cpu_us_per_result": cost_us,
        "writer_core_share_at_target": cost_us["writer"]
        * TARGET_DEVICES
        / PIPELINE_GRID.hop_s
        / 1e6,
    }


def _cpu(writer: Part, database: InfluxDb) -> dict[str, float]:
    return {"writer": cpu_s(writer.pid), "database": cpu_s(database.pid)}


def _stored(database: InfluxDb) -> int:
    return influxql.count(database, "latency", "end_to_end_ms", "time > 0")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--devices", type=int, default=TARGET_DEVICES)
    options.add_argument("--windows", type=int, default=10)
    chosen = options.parse_args()
    runs = []
    for late in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(measure(chosen.devices, chosen.windows, late=late, folder=Path(folder)))
    report.table(
        f"InfluxDB writer, {chosen.devices} devices, 2 points a result",
        ("results", "per second", "writer µs each", "database µs each", "core at 3000 devices"),
        [
            (
                "late" if run["late"] else "live",
                round(run["results_per_s"]),
                round(run["cpu_us_per_result"]["writer"]),
                round(run["cpu_us_per_result"]["database"]),
                run["writer_core_share_at_target"],
            )
            for run in runs
        ],
    )
    print(f"written to {report.save('influx', {'runs': runs})}")


if __name__ == "__main__":
    main()
