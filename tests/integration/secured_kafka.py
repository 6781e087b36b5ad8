"""An Apache Kafka with a second listener that lets in one user, by SASL PLAIN."""

from pathlib import Path
from typing import Self

from deploy.embedded import LOOPBACK, free_port
from tests.servers import ApacheKafka

USER, PASSWORD = "ward", "right-password"
PROTOCOLS = "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT"


class SecuredKafka(ApacheKafka):
    """`address` lets in anybody, `secured_address` only `USER` with `PASSWORD`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._secured_port = free_port()

    @property
    def secured_address(self) -> str:
        return f"{LOOPBACK}:{self._secured_port}"

    def start(self) -> Self:
        if not self._data.exists():
            self.format(self._settings())
        return super().start()

    def _settings(self) -> str:
        controller = f"{LOOPBACK}:{self._controller_port}"
        entrances = f"PLAINTEXT://{self.address},SASL_PLAINTEXT://{self.secured_address}"
        login = "org.apache.kafka.common.security.plain.PlainLoginModule"
        return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
controller.listener.names=CONTROLLER
listeners={entrances},CONTROLLER://{controller}
advertised.listeners={entrances}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map={PROTOCOLS}
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config={login} required user_{USER}="{PASSWORD}";
log.dirs={self._data / "log"}
offsets.topic.replication.factor=1
auto.create.topics.enable=false
"""
