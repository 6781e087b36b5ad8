"""One group of workers: throughput of two and four against one, and one that is killed.

    python -m tests.benchmarks.bench_group [--devices 400 --seconds 120 --broker apache]

Workers share twelve empty partitions. Then a backlog of sound is put on them at once, and the
time until its windows have their results is taken. On a machine with fewer cores than workers they
can be no faster than the cores, which Kafka wants a part of too.

After that one of two, then one of four, is killed under the load of `--live` devices: how long
until every device has a result of new sound, what is lost and what comes twice. Windows are judged
as in `tests/chaos`, which fails when one is lost or not as it should be.
"""

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from functools import partial
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
from tests.chaos.harness import Ward
from tests.chaos.scenario import Disturbance, Outcome, survive
from tests.integration.bridges import shipped_limits
from tests.processes import Part, cpu_s
from tests.servers import ApacheKafka, EmbeddedKafka, Mosquitto, Server
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


def killed(workers: int, devices: int, broker: type[Server], folder: Path) -> Outcome:
    """Kill one of so many workers under load."""
    mqtt = Mosquitto(folder / "mqtt", shipped_limits())
    ward = Ward(folder, mqtt=mqtt, kafka=broker(folder / "kafka"), database=None)
    try:
        ward.start(workers=workers)
        ward.wait_until_shared()
        name = f"1 worker of {workers} killed"
        death = Disturbance(name, partial(ward.remove_worker, signal.SIGKILL))
        return survive(ward, name, [death], devices=devices)
    finally:
        ward.stop()


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
    options.add_argument("--live", type=int, default=100)
    options.add_argument("--broker", choices=sorted(_BROKERS), default="apache")
    chosen = options.parse_args()
    broker = _BROKERS[chosen.broker]
    runs, deaths = [], []
    for workers in WORKERS:
        with tempfile.TemporaryDirectory() as folder:
            runs.append(measure(workers, chosen.devices, chosen.seconds, broker, Path(folder)))
    _show_throughput(runs, chosen.devices)
    for workers in WORKERS[1:]:
        with tempfile.TemporaryDirectory() as folder:
            deaths.append(killed(workers, chosen.live, broker, Path(folder)))
    _show_deaths(deaths)
    saved = {"runs": runs, "killed": {death.name: death.as_dict() for death in deaths}}
    print(f"written to {report.save('group', saved)}")


def _show_throughput(runs: Sequence[dict[str, Any]], devices: int) -> None:
    alone = runs[0]["windows_per_s"]
    report.table(
        f"One group on {os.cpu_count()} cores, backlog of {devices} devices",
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


def _show_deaths(deaths: Sequence[Outcome]) -> None:
    report.table(
        "A worker killed under load",
        ("killed", "devices", "all served again after s", "windows", "lost", "doubled"),
        [
            (
                death.name,
                death.devices,
                *(took_s for _, took_s in death.recoveries),
                death.verdict.expected,
                death.verdict.lost,
                death.verdict.duplicates,
            )
            for death in deaths
        ],
    )


if __name__ == "__main__":
    main()
