"""An Apache Kafka with the shipped settings whole: TLS, SCRAM, and permissions by process."""

import subprocess
from pathlib import Path
from typing import Self

from deploy import kafka_access
from ingest.connections import KafkaConnection, load
from stream_processors.topic_admin import apply_topics
from tests.servers import ROOT, ApacheKafka

_SHIPPED = ROOT / "deploy" / "kafka" / "server.properties"
MAKE_SECRETS = ROOT / "deploy" / "compose" / "make-secrets"


class GuardedKafka(ApacheKafka):
    """Started once with the test's own settings, which format its folder, then with ours."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        super().__init__(folder)
        self.secrets = secrets
        subprocess.run([MAKE_SECRETS, secrets], check=True)

    def start(self) -> Self:
        settings = self.folder / "data" / "server.properties"
        if not settings.exists():
            super().start().stop()
            settings.write_text(self._shipped())
        return super().start()

    def connection(self, user: str) -> KafkaConnection:
        return load(KafkaConnection, self.flags(user))

    def flags(self, user: str) -> dict[str, str | bool]:
        return {
            "servers": f"localhost:{self.port}",
            "tls": True,
            "ca_file": str(self.secrets / "ca.pem"),
            "user": user,
            "password_file": str(kafka_access.password_file(self.secrets, user)),
            "sasl_mechanism": "PLAIN" if user == "admin" else "SCRAM-SHA-512",
        }

    def prepare(self, *, partitions: int = 2) -> None:
        """Topics, users and permissions, as an installation makes them."""
        admin = self.connection("admin")
        apply_topics(admin, partitions=partitions)
        kafka_access.apply(admin, kafka_access.passwords(self.secrets))

    def _shipped(self) -> str:
        text = _SHIPPED.read_text()
        replaced = {
            "localhost:9093": f"localhost:{self._controller_port}",
            "SASL_SSL://:9092": f"SASL_SSL://localhost:{self.port}",
            "SASL_SSL://kafka:9092": f"SASL_SSL://localhost:{self.port}",
            "/run/secrets": str(self.secrets),
            "/var/lib/kafka/data": str(self.folder / "data" / "log"),
        }
        for shipped, here in replaced.items():
            assert shipped in text
            text = text.replace(shipped, here)
        return text
