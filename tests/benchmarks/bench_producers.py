"""What one record costs to put into Kafka: kafka-python against confluent-kafka, side by side.

    python -m tests.benchmarks.bench_producers [--kafka embedded apache --records 20000]

Both are idempotent, wait for all replicas, linger 5 ms and partition by murmur2. The paced runs
are what a bridge sees; the flood is how much there is to spare. CPU is that of the whole client
process, its threads included.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import Producer
from kafka import KafkaProducer

from ingest.connections import KafkaConnection, load
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import AUDIO
from tests.benchmarks import report
from tests.servers import SHARED, ApacheKafka, EmbeddedKafka, Server

PACED_PER_S = 2000
SIZES_BYTES = (2048, 4130)
_LINGER_MS = 5
_TICK_S = 0.005
_KAFKAS = {"embedded": EmbeddedKafka, "apache": ApacheKafka}


class Client(Protocol):
    """As much of a producer as is compared."""

    stored: int

    def produce(self, key: bytes, value: bytes) -> None: ...
    def poll(self) -> None: ...
    def flush(self) -> None: ...


class ConfluentClient:
    """confluent-kafka: librdkafka behind a C extension."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self.stored = 0
        self._producer = Producer(
            kafka.confluent()
            | {
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": _LINGER_MS,
            }
        )

    def produce(self, key: bytes, value: bytes) -> None:
        self._producer.produce(AUDIO.name, value, key, on_delivery=self._reported)

    def poll(self) -> None:
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush()

    def _reported(self, error: object, _message: object) -> None:
        assert error is None, error
        self.stored += 1


class KafkaPythonClient:
    """kafka-python, with its checksums from the crc32c wheel."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self.stored = 0
        self._producer = KafkaProducer(
            **kafka.python_clients(), acks="all", enable_idempotence=True, linger_ms=_LINGER_MS
        )

    def produce(self, key: bytes, value: bytes) -> None:
        self._producer.send(AUDIO.name, value, key).add_callback(self._reported)

    def poll(self) -> None:
        """Nothing to do: it calls back from a thread of its own."""

    def flush(self) -> None:
        self._producer.flush()
        self._producer.close()

    def _reported(self, _metadata: object) -> None:
        self.stored += 1


CLIENTS: dict[str, Callable[[KafkaConnection], Client]] = {
    "confluent-kafka": ConfluentClient,
    "kafka-python": KafkaPythonClient,
}


def measure(client: Client, *, records: int, size: int, per_s: int | None) -> dict[str, float]:
    """Produce so many records, paced or as fast as it goes, and count the CPU of each."""
    keys = [f"device-{number:05d}".encode() for number in range(1000)]
    value = bytes(size)
    client.produce(keys[0], value)  # connects
    time.sleep(1)
    cpu_s, began_s = time.process_time(), time.monotonic()
    for number in range(records):
        client.produce(keys[number % 1000], value)
        if per_s is None and number % 100 == 0:
            client.poll()
        if per_s is not None:
            _keep_pace(client, number, began_s, per_s)
    client.flush()
    took_s = time.monotonic() - began_s
    cpu_us = (time.process_time() - cpu_s) / records * 1e6
    assert client.stored == records + 1
    return {"cpu_us": cpu_us, "per_s": records / took_s}


def _keep_pace(client: Client, number: int, began_s: float, per_s: int) -> None:
    if number % max(1, round(per_s * _TICK_S)) == 0:
        client.poll()
        ahead_s = number / per_s - (time.monotonic() - began_s)
        if ahead_s > 0:
            time.sleep(ahead_s)


@contextmanager
def running(name: str) -> Iterator[KafkaConnection]:
    with tempfile.TemporaryDirectory() as folder:
        server: Server = _KAFKAS[name](Path(folder)).start()
        try:
            connection = load(KafkaConnection, {"servers": server.address})
            apply_topics(connection, partitions=4)
            yield connection
        finally:
            server.stop()


def compare(kafka: str, records: int) -> list[dict[str, Any]]:
    runs = []
    for size in SIZES_BYTES:
        for per_s in (PACED_PER_S, None):
            for name, make in CLIENTS.items():
                with running(kafka) as connection:
                    measured = measure(make(connection), records=records, size=size, per_s=per_s)
                pace = "flood" if per_s is None else f"{per_s}/s"
                runs.append(
                    {"kafka": kafka, "client": name, "bytes": size, "pace": pace, **measured}
                )
    return runs


def _to_be_had() -> list[str]:
    apache = os.environ.get("HEARTWARD_TEST_KAFKA") or (SHARED / "kafka" / "kafka").exists()
    return ["embedded", "apache"] if apache else ["embedded"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--kafka", nargs="+", choices=sorted(_KAFKAS), default=_to_be_had())
    options.add_argument("--records", type=int, default=20_000)
    chosen = options.parse_args()
    runs = [run for kafka in chosen.kafka for run in compare(kafka, chosen.records)]
    report.table(
        "CPU of the client process for one record",
        ("Kafka", "client", "bytes", "pace", "µs a record", "records/s"),
        [
            (r["kafka"], r["client"], r["bytes"], r["pace"], r["cpu_us"], round(r["per_s"]))
            for r in runs
        ],
    )
    print(f"written to {report.save('producers', {'runs': runs})}")


if __name__ == "__main__":
    main()
