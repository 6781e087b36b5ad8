"""Throughput of two and four workers in one group, against one.

    python -m tests.benchmarks.bench_group [--devices 400 --seconds 60 --broker apache]

Workers share twelve empty partitions. Then a backlog of sound is put on them at once, and the
time until its windows have their results is taken. On a machine with fewer cores than workers they
can be no faster than the cores, which Kafka wants a part of too.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink
from stream_processors.records import Heartbeat
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import AUDIO, HEARTBEATS
from tests import kafka_log
from tests.benchmarks import report
from tests.benchmarks.bench_worker import chunks, hearts
from tests.benchmarks.ward import ResultsReader, wait_until
from tests.processes import Part, cpu_s
from tests.servers import ApacheKafka, EmbeddedKafka, Server
from tests.unit.stream_processors.logs import Record

PARTITIONS = 12
WORKERS = (1, 2, 4)
_BROKERS: dict[str, type[Server]] = {"apache": ApacheKafka, "embedded": EmbeddedKafka}
_LONGEST_S = 600.0
_HOPS_A_SECOND = 0.4


def measure(workers: int, devices: int, seconds: int, broker: type[Server], folder: Path) -> Any:
    """Work one backlog off with so many workers."""
    kafka = broker(folder / "kafka").start()
    parts: list[Part] = []
    connection = load(KafkaConnection, {"servers": kafka.address})
    apply_topics(connection, partitions=PARTITIONS)
    reader = ResultsReader(kafka)
    try:
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        parts.extend(_worker(name, kafka, folder).start() for name in names)
        wait_until(lambda: _shared(connection, parts), timeout_s=120)
        # A device's last windows wait for the sound that follows.
        wanted = int(devices * (seconds * _HOPS_A_SECOND - 3))
        backlog = _backlog(devices, seconds)
        before_s, began_s = _cpu_s(parts), time.monotonic()
        _feed(connection, backlog)
        done = wait_until(lambda: len(reader.windows) >= wanted, timeout_s=_LONGEST_S)
        took_s = time.monotonic() - began_s
        return {
            "workers": workers,
            "windows_per_s": len(reader.windows) / took_s,
            "seconds": took_s,
            "cores_used": (_cpu_s(parts) - before_s) / took_s,
            "finished": done,
            "doubled": reader.duplicates,
        }
    finally:
        reader.close()
        for child in (*parts, kafka):
            child.kill()


def _worker(name: str, kafka: Server, folder: Path) -> Part:
    settings = {"HEARTWARD_KAFKA_SERVERS": kafka.address, "HEARTWARD_WORKER_NAME": name}
    return Part(name, "stream_processors.app", settings, folder=folder)


def _cpu_s(parts: list[Part]) -> float:
    return sum(cpu_s(part.pid) for part in parts)


def _backlog(devices: int, seconds: int) -> list[Record]:
    sound, start_us = hearts(), time.time_ns() // 1000 - seconds * 1_000_000
    return [
        record
        for second in range(seconds)
        for record in chunks(devices, second, start_us=start_us, sound=sound)
    ]


def _feed(connection: KafkaConnection, backlog: list[Record]) -> None:
    sink = ConfluentSink(connection, client_id="bench")
    for record in backlog:
        sink.produce(
            AUDIO.name,
            record.key,
            record.value,
            headers=record.headers,
            timestamp_ms=record.timestamp,
        )
    if sink.flush(60):
        raise SystemExit("Kafka did not take the backlog within a minute")
    sink.close()


def _shared(connection: KafkaConnection, parts: list[Part]) -> bool:
    """Whether each has partitions of sound, and together they have all."""
    beats = {b.instance: b for b in kafka_log.records(connection, HEARTBEATS, Heartbeat)}
    shares = [
        [name for name in beats[part.name].partitions if name.startswith(f"{AUDIO.name}/")]
        for part in parts
        if part.name in beats
    ]
    return len(shares) == len(parts) and all(shares) and sum(map(len, shares)) == PARTITIONS


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--devices", type=int, default=400)
    options.add_argument("--seconds", type=int, default=120)
    options.add_argument("--broker", choices=sorted(_BROKERS), default="apache")
    chosen = options.parse_args()
    runs = []
    for workers in WORKERS:
        with tempfile.TemporaryDirectory() as folder:
            runs.append(
                measure(
                    workers, chosen.devices, chosen.seconds, _BROKERS[chosen.broker], Path(folder)
                )
            )
    alone = runs[0]["windows_per_s"]
    report.table(
        f"One group on {os.cpu_count()} cores, backlog of {chosen.devices} devices",
        ("workers", "windows a second", "against one", "cores used", "doubled"),
        [
            (
                run["workers"],
                round(run["windows_per_s"]),
                run["windows_per_s"] / alone,
                run["cores_used"],
                run["doubled"],
            )
            for run in runs
        ],
    )
    print(f"written to {report.save('group', {'runs': runs})}")


if __name__ == "__main__":
    main()
