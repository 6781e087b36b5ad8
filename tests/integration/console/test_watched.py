"""The console as those see it who watch processes."""

import re
from pathlib import Path

import httpx

from deploy.embedded import free_port
from ingest.connections import KafkaConnection, load
from stream_processors.records import Heartbeat, decode
from stream_processors.topics import HEARTBEATS
from tests import kafka_log
from tests.recording_console import Program, running
from tests.servers import Server
from tests.waiting import until


def test_who_watches_the_console_learns_whether_it_is_well_and_its_numbers(
    embedded_kafka: Server, tmp_path: Path
) -> None:
    port = free_port()
    kafka = load(KafkaConnection, {"servers": embedded_kafka.address})

    def ask(path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5)

    with running(tmp_path, embedded_kafka, HEARTWARD_WATCH_PORT=port) as console:
        until(lambda: ask("/readyz").status_code == 200, "it is ready", timeout_s=30)
        assert ask("/healthz").text == "alive\n"
        admitted = {"device_id": "d1", "patient_id": "p1", "ward": "west", "bed": "1"}
        Program(console).post("/assignments", admitted)
        lag = r'heartward_lag_records{.*partition="pcg.assignments/\d+".*process="console"} 0.0'
        until(lambda: bool(re.search(lag, ask("/metrics").text)), "it tells its lag", timeout_s=30)
        told = ask("/metrics").text
        for name in ("pages", "beds", "outbox_waiting", "ready"):
            assert re.search(rf"^heartward_{name} \d", told, re.MULTILINE), told
        until(
            lambda: any(
                "pcg.results/0" in decode(Heartbeat, entry.value).partitions
                for entry in kafka_log.entries(kafka, HEARTBEATS)
                if b"console" in entry.value  # what others have left in this log is not ours
            ),
            "its heartbeats name the partitions that it writes from",
            timeout_s=30,
        )
