"""Bridges between real brokers, as an operator starts them."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from ingest.connections import KafkaConnection, load
from stream_processors.topic_admin import apply_topics
from tests.processes import Part, addresses
from tests.servers import ROOT, Server
from tests.waiting import until

# One broker where `make test` has time for one; the same test on the other is slow.
ON_MOSQUITTO = pytest.mark.parametrize(
    "brokers",
    ["roomy_mosquitto", pytest.param("embedded_mqtt", marks=pytest.mark.slow)],
    indirect=True,
)
ON_EMBEDDED_MQTT = pytest.mark.parametrize(
    "brokers",
    ["embedded_mqtt", pytest.param("roomy_mosquitto", marks=pytest.mark.slow)],
    indirect=True,
)


class Brokers(NamedTuple):
    """An MQTT broker, and a Kafka that has the topics; `access` is what else it takes to enter."""

    mqtt: Server
    kafka: Server
    access: Mapping[str, str] = MappingProxyType({})

    @property
    def connection(self) -> KafkaConnection:
        return load(KafkaConnection, {"servers": self.kafka.address})

    def part(self, folder: Path, *, groups: str, name: str = "main", **settings: object) -> Part:
        """A bridge that is not started yet; settings are named as after HEARTWARD_BRIDGE_."""
        own = {"NAME": name, "GROUPS": groups, "ACK_EVERY_S": 0.5} | settings
        prefixed = {f"HEARTWARD_BRIDGE_{key}": value for key, value in own.items()}
        return Part(f"bridge-{name}", "ingest.bridge", self.environment | prefixed, folder=folder)

    @property
    def environment(self) -> dict[str, str]:
        return addresses(self.mqtt, self.kafka) | dict(self.access)


def with_topics(mqtt: Server, kafka: Server) -> Brokers:
    brokers = Brokers(mqtt, kafka)
    apply_topics(brokers.connection, partitions=4)
    return brokers


@contextmanager
def bridge(
    brokers: Brokers, folder: Path, *, groups: str, name: str | None = None, **settings: object
) -> Iterator[Part]:
    """A running bridge; its name is that of its groups, so tests do not meet in one session."""
    part = brokers.part(folder, groups=groups, name=name or groups.replace(",", "-"), **settings)
    start(part)
    try:
        yield part
    finally:
        part.stop()


def start(part: Part) -> None:
    """Start a bridge and wait until it says that it carries its groups."""
    before = carries(part)
    part.start()
    until(lambda: carries(part) > before, f"{part.name} is up", timeout_s=20)


def carries(part: Part) -> int:
    """How often this bridge has come up."""
    if not part.log.exists():
        return 0
    log = part.log.read_text()
    assert "Traceback" not in log, log[-3000:]
    return len(re.findall(r"bridge \S+ carries groups", log))


def complaint(environment: dict[str, str]) -> str:
    """Start a bridge that cannot work; return the one line that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "ingest.bridge"],
        check=False,
        capture_output=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"} | environment,
        text=True,
        timeout=60,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
    assert done.returncode == 1, done.stderr
    assert len(said) == 1, done.stderr
    return said[0]


def shipped_limits() -> str:
    """The lines of the shipped Mosquitto configuration that size its queues and messages."""
    lines = (ROOT / "deploy" / "mosquitto" / "mosquitto.conf").read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith(("max_", "message_size_limit")))
