"""What one chunk costs the bridge.

    python -m tests.benchmarks.bench_bridge [--devices 2000 --seconds 30]

Devices send 1 s chunks of PCM at 2 kHz, evenly spread; the bridge validates them, stores them in
the embedded Kafka, acknowledges them to the MQTT broker and tells every device. CPU is what the
operating system counts for each process. The budget is 55 µs a chunk.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from ingest.connections import KafkaConnection, load
from stream_processors.records import Heartbeat
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import HEARTBEATS
from tests import kafka_log
from tests.benchmarks import report
from tests.benchmarks.mqtt_load import chunk_load
from tests.integration.bridges import shipped_limits
from tests.processes import Part, addresses
from tests.servers import EmbeddedKafka, EmbeddedMqtt, Mosquitto, Server

BUDGET_US = 55
_SETTLE_S = 5.0


def measure(mqtt: Server, folder: Path, *, devices: int, seconds: float) -> dict[str, Any]:
    """Run one load for `seconds` after it has settled."""
    kafka = EmbeddedKafka(folder / "kafka").start()
    try:
        mqtt.start()
        connection = load(KafkaConnection, {"servers": kafka.address})
        apply_topics(connection)
        bridge = Part("bridge", "ingest.bridge", addresses(mqtt, kafka), folder=folder).start()
        try:
            _wait_for_log(bridge)
            with chunk_load(mqtt, devices=devices) as chunks:
                chunks.run(_SETTLE_S, per_s=devices)
                before = {"bridge": bridge.cpu_s(), "sent": chunks.sent}
                chunks.run(seconds, per_s=devices)
                used_s = bridge.cpu_s() - before["bridge"]
                number = chunks.sent - before["sent"]
                total = chunks.sent
            time.sleep(3)
            memory_mib = bridge.rss_mib()
        finally:
            bridge.stop()
        counters = kafka_log.records(connection, HEARTBEATS, Heartbeat)[-1].counters
    finally:
        mqtt.stop()
        kafka.stop()
    return {
        "mqtt_broker": mqtt.name,
        "devices": devices,
        "seconds": seconds,
        "chunks": number,
        "cpu_us_per_chunk": used_s / number * 1e6,
        "memory_mib": memory_mib,
        "chunks_lost": total - counters["chunks_stored"],
        "acks_per_s": counters["acks_sent"] / (total / devices),
        "load_average": os.getloadavg()[0],
    }


def _wait_for_log(bridge: Part) -> None:
    while "carries groups" not in bridge.log.read_text():
        time.sleep(0.1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--devices", type=int, default=2000)
    options.add_argument("--seconds", type=float, default=30.0)
    chosen = options.parse_args()
    runs = []
    for make in (
        lambda folder: EmbeddedMqtt(folder / "mqtt"),
        lambda folder: Mosquitto(folder / "mqtt", shipped_limits()),
    ):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            runs.append(
                measure(make(folder), folder, devices=chosen.devices, seconds=chosen.seconds)
            )
    report.table(
        f"Bridge, {chosen.devices} chunks a second, budget {BUDGET_US} µs a chunk",
        ("MQTT broker", "µs a chunk", "memory MiB", "acks/s", "lost", "load average"),
        [
            (
                run["mqtt_broker"],
                run["cpu_us_per_chunk"],
                round(run["memory_mib"]),
                round(run["acks_per_s"]),
                round(run["chunks_lost"]),
                run["load_average"],
            )
            for run in runs
        ],
    )
    print(f"written to {report.save('bridge', {'runs': runs, 'budget_us': BUDGET_US})}")


if __name__ == "__main__":
    main()
