"""What one chunk costs the load generator: it must leave the machine to what it loads.

    python -m tests.benchmarks.bench_simulator

Devices at 2 kHz with 1 s chunks on the embedded broker; everything they send is received and
acknowledged every 2 s, as by a bridge. CPU is that of the simulator's process, start-up aside.
"""

import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from ingest.chunk import DeviceAck, DeviceTopic, Lane, decode_chunk, encode
from ingest.connections import MqttConnection, load
from ingest.mqtt_source import MqttSource
from tests.benchmarks import report
from tests.processes import Part
from tests.servers import EmbeddedMqtt, Server
from tests.waiting import until

WARDS = ((12, 0), (300, 0), (1000, 4), (3000, 4))  # devices, connections (0: one for each)
MEASURED_S = 20.0
_ACK_EVERY_S = 2.0


class Receiver(threading.Thread):
    """Takes every chunk and acknowledges how far each device has come; here nothing is lost."""

    def __init__(self, mqtt: Server) -> None:
        super().__init__(daemon=True)
        self.chunks = 0
        self.heard: dict[str, tuple[int, int]] = {}
        self._ended = threading.Event()
        self._source = MqttSource(
            load(MqttConnection, {"port": mqtt.port}),
            client_id="receiver",
            receive_maximum=1000,
            session_expiry_s=60,
        )
        self._source.open()

    def run(self) -> None:
        due_s = time.monotonic()
        while not self._ended.is_set():
            for publication in self._source.receive(0.005):
                self._take(publication.topic, publication.payload)
                publication.settle()
            if time.monotonic() > due_s:
                due_s += _ACK_EVERY_S
                self._acknowledge()
        self._source.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def _take(self, topic: str, payload: bytes) -> None:
        device = DeviceTopic.parse(topic)
        if device.lane is Lane.AUDIO:
            self.chunks += 1
            chunk = decode_chunk(payload)
            ack_topic = str(device._replace(lane=Lane.ACK))
            self.heard[ack_topic] = chunk.boot_id, chunk.first_sample + len(chunk.samples) // 2

    def _acknowledge(self) -> None:
        now_us = time.time_ns() // 1000
        for topic, (boot_id, end) in self.heard.items():
            ack = DeviceAck(boot_id=boot_id, stored_to_sample=end, bridge_time_us=now_us)
            self._source.publish(topic, encode(ack))


def measure(devices: int, connections: int, folder: Path) -> dict[str, float]:
    """Run one ward until all its devices are heard, then count for a while."""
    mqtt = EmbeddedMqtt(folder / "mqtt")
    settings = {
        "HEARTWARD_MQTT_PORT": mqtt.port,
        "HEARTWARD_SIMULATOR_DEVICES": devices,
        "HEARTWARD_SIMULATOR_CONNECTIONS": connections,
    }
    ward = Part("simulator", "ingest.simulator", settings, folder=folder)
    try:
        mqtt.start()
        with Receiver(mqtt) as receiver:
            ward.start()
            until(lambda: len(receiver.heard) == devices, "all are heard", timeout_s=60)
            cpu_s, chunks, began_s = ward.cpu_s(), receiver.chunks, time.monotonic()
            time.sleep(MEASURED_S)
            cpu_s, chunks = ward.cpu_s() - cpu_s, receiver.chunks - chunks
            return {
                "devices": devices,
                "connections": connections or devices,
                "chunks_per_s": chunks / (time.monotonic() - began_s),
                "cpu_us_per_chunk": cpu_s / chunks * 1e6,
                "rss_mib": ward.rss_mib(),
            }
    finally:
        ward.kill()
        mqtt.kill()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(d, c, Path(folder) / f"{d}-{c}") for d, c in WARDS]
    report.save("simulator", {"wards": rows})
    report.table(
        "Load generator: CPU of one chunk",
        ("Devices", "Connections", "Chunks/s", "CPU µs a chunk", "MiB"),
        [list(row.values()) for row in rows],
    )


if __name__ == "__main__":
    main()
