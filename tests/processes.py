"""Heartward's own processes as children of a test: the same commands that an operator starts."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.servers import Child, Server

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Part(Child):
    """``python -m MODULE`` with settings from the environment; `name` tells instances apart."""

    def __init__(
        self, name: str, module: str, settings: Mapping[str, object], *, folder: Path
    ) -> None:
        self.name = name
        super().__init__(folder)
        self._module = module
        self._settings = {key: str(value) for key, value in settings.items()}

    def command(self) -> list[str]:
        return [sys.executable, "-m", self._module]

    def environment(self) -> dict[str, str]:
        # The tests' own Django has no database that a process could keep anything in.
        ours = ("HEARTWARD_", "DJANGO_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return inherited | _ONE_THREAD | self._settings

    def cpu_s(self) -> float:
        """User and system time so far, in seconds."""
        return cpu_s(self.pid)

    def rss_mib(self) -> float:
        """Resident memory now."""
        return float(psutil.Process(self.pid).memory_info().rss) / 2**20


def cpu_s(pid: int) -> float:
    """User and system time of a process and its children, in seconds."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family)


def addresses(mqtt: Server, kafka: Server) -> dict[str, str]:
    """The settings that tell every part where the two brokers are."""
    return {
        "HEARTWARD_MQTT_HOST": "127.0.0.1",
        "HEARTWARD_MQTT_PORT": str(mqtt.port),
        "HEARTWARD_KAFKA_SERVERS": kafka.address,
    }
