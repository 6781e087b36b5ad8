"""Apache Kafka with the shipped settings whole: TLS, SCRAM, and permissions by process."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from deploy import kafka_access
from ingest.connections import KafkaConnection, load
from stream_processors.topic_admin import apply_topics
from tests.servers import ROOT, ApacheKafka

_SHIPPED = ROOT / "deploy" / "kafka" / "server.properties"
MAKE_SECRETS = ROOT / "deploy" / "compose" / "make-secrets"
ALONE = {"BROKER_NUMBER": "1", "BROKER_COPIES": "1", "BROKER_COPIES_IN_SYNC": "1"}


class GuardedKafka(ApacheKafka):
    """One broker; `given` is what tells it apart, but for addresses, which are this machine's."""

    start_timeout_s = 180.0  # three of them may start at once

    def __init__(
        self, folder: Path, secrets: Path, *, given: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder)
        self.secrets = secrets
        self.given = dict(given or ALONE)
        self.voters: Sequence[GuardedKafka] = [self]
        subprocess.run([MAKE_SECRETS, secrets], check=True)

    def start(self) -> Self:
        if not self._data.exists():
            self.format(self._shipped())
        return super().start()

    def environment(self) -> dict[str, str]:
        voters = [f"{each.given['BROKER_NUMBER']}@{each.controller}" for each in self.voters]
        at_home = {"BROKER_HOST": "localhost", "BROKER_VOTERS": ",".join(voters)}
        return dict(os.environ) | self.given | at_home

    @property
    def controller(self) -> str:
        return f"localhost:{self._controller_port}"

    def connection(self, user: str) -> KafkaConnection:
        return load(KafkaConnection, self.flags(user))

    def flags(self, user: str) -> dict[str, str | bool]:
        return {
            "servers": ",".join(f"localhost:{each.port}" for each in self.voters),
            "tls": True,
            "ca_file": str(self.secrets / "ca.pem"),
            "user": user,
            "password_file": str(kafka_access.password_file(self.secrets, user)),
            "sasl_mechanism": "PLAIN" if user == "admin" else "SCRAM-SHA-512",
        }

    def prepare(self, *, partitions: int = 2, replication: int = 1) -> None:
        """Topics, users and permissions, as an installation makes them."""
        admin = self.connection("admin")
        apply_topics(admin, partitions=partitions, replication=replication)
        kafka_access.apply(admin, kafka_access.passwords(self.secrets))

    def _shipped(self) -> str:
        text = _SHIPPED.read_text()
        replaced = {
            "CONTROLLER://:9093": f"CONTROLLER://localhost:{self._controller_port}",
            "SASL_SSL://:9092": f"SASL_SSL://localhost:{self.port}",
            "${env:BROKER_HOST}:9092": f"${{env:BROKER_HOST}}:{self.port}",
            "/run/secrets": str(self.secrets),
            "/var/lib/kafka/data": str(self._data / "log"),
        }
        for shipped, here in replaced.items():
            assert shipped in text
            text = text.replace(shipped, here)
        return text
