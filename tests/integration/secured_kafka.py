"""An Apache Kafka with a second listener that lets in one user, by SASL PLAIN."""

from pathlib import Path
from typing import Self

from deploy.embedded import LOOPBACK, free_port
from tests.servers import ApacheKafka

USER, PASSWORD = "ward", "right-password"


class SecuredKafka(ApacheKafka):
    """`address` lets in anybody, `secured_address` only `USER` with `PASSWORD`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._secured_port = free_port()

    @property
    def secured_address(self) -> str:
        return f"{LOOPBACK}:{self._secured_port}"

    def start(self) -> Self:
        settings = self.folder / "data" / "server.properties"
        if not settings.exists():
            super().start().stop()  # the first start formats its folder and writes its settings
            self._secure(settings)
        return super().start()

    def _secure(self, settings: Path) -> None:
        lines = [self._secured(line) for line in settings.read_text().splitlines()]
        protocols = {name: name for name in ("PLAINTEXT", "SASL_PLAINTEXT")}
        protocols["CONTROLLER"] = "PLAINTEXT"
        pairs = ",".join(f"{name}:{protocol}" for name, protocol in protocols.items())
        login = "org.apache.kafka.common.security.plain.PlainLoginModule"
        jaas = f'{login} required user_{USER}="{PASSWORD}";'
        lines += [
            f"listener.security.protocol.map={pairs}",
            "sasl.enabled.mechanisms=PLAIN",
            f"listener.name.sasl_plaintext.plain.sasl.jaas.config={jaas}",
        ]
        settings.write_text("\n".join(lines) + "\n")

    def _secured(self, line: str) -> str:
        if line.startswith(("listeners=", "advertised.listeners=")):
            return f"{line},SASL_PLAINTEXT://{self.secured_address}"
        return line
