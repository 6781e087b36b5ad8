"""Every process starts with exactly the command and environment that the shipped files give it.

Kafka and Mosquitto have the shipped settings too: TLS, users, permissions. Only addresses and
folders are this machine's, and each process has the secrets alone that it is given there.
"""

import getpass
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.embedded import free_port
from stream_processors.records import Heartbeat
from stream_processors.topics import HEARTBEATS
from tests import kafka_log
from tests.deployed import Deployed, from_chart, from_compose, from_units, here
from tests.integration.guarded_kafka import GuardedKafka
from tests.postgresql import Postgresql
from tests.servers import ROOT, Child, InfluxDb, Mosquitto
from tests.waiting import until

pytestmark = pytest.mark.timeout(1200)

_MOSQUITTO = ROOT / "deploy" / "mosquitto" / "mosquitto.conf"
_READY_S = 240
_KINDS = {"bridge": "bridge", "worker": "audio", "alarms": "alarms", "influx": "influx"}


class ShippedMosquitto(Mosquitto):
    """Mosquitto with its shipped file and the folder that `make-secrets` makes for it."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        super().__init__(folder)
        wearables = free_port()
        replaced = {
            "/etc/mosquitto/heartward": str(secrets / "mosquitto"),
            "/var/lib/mosquitto": str(folder),
            "listener 8883": f"listener {wearables} 127.0.0.1",
            "listener 8884": f"listener {self.port} 127.0.0.1",
        }
        text = _MOSQUITTO.read_text()
        for shipped, at_home in replaced.items():
            text = text.replace(shipped, at_home)
        self._configuration.write_text(f"user {getpass.getuser()}\n{text}")


class Process(Child):
    """The front door with a deployed process's arguments, and no other environment than its own."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], folder: Path
    ) -> None:
        self.name = name
        super().__init__(folder)
        self._command = command
        self._environment = environment

    def command(self) -> list[str]:
        return [sys.executable, str(ROOT / "heartward.py"), *self._command]

    def environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)} | self._environment

    def is_ready(self) -> bool:
        """As they say to who watches them."""
        port = self._environment["HEARTWARD_WATCH_PORT"]
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2).close()
        except OSError:
            assert self.is_running, self.log.read_text()[-1000:]
            return False
        return True


class Site:
    """Brokers and databases with the secrets that `make-secrets` made."""

    def __init__(self, folder: Path, influxdb: InfluxDb, postgresql: Postgresql) -> None:
        self.folder = folder
        self.secrets = folder / "secrets"
        self.kafka = GuardedKafka(folder / "kafka", self.secrets)
        self.mosquitto = ShippedMosquitto(folder / "mosquitto", self.secrets)
        self.influxdb = influxdb
        self.put("influxdb-token", influxdb.token)
        self.put("database-url", postgresql.url)

    def put(self, secret: str, text: str) -> None:
        """In the place of the one that `make-secrets` made, which nobody may change."""
        (self.secrets / secret).unlink()
        (self.secrets / secret).write_text(text)

    def process(self, deployed: Deployed, turn: str) -> Process:
        places = {
            "HEARTWARD_KAFKA_SERVERS": f"localhost:{self.kafka.port}",
            "HEARTWARD_MQTT_HOST": "localhost",
            "HEARTWARD_MQTT_PORT": str(self.mosquitto.port),
            "HEARTWARD_INFLUX_URL": self.influxdb.url,
            "HEARTWARD_INFLUX_BUCKET": self.influxdb.bucket,
            "HEARTWARD_INFLUX_ORG": self.influxdb.org,
            "HEARTWARD_WATCH_PORT": str(free_port()),
            "HEARTWARD_WATCH_HOST": "127.0.0.1",
            "HEARTWARD_CONSOLE_HOST": "127.0.0.1",
            "HEARTWARD_CONSOLE_PORT": str(free_port()),
        }
        folder = self.folder / turn
        places["TMPDIR"] = str(folder)
        (folder / "console").mkdir(parents=True, exist_ok=True)  # a volume, or systemd's own doing
        secrets = self._given(deployed, folder)
        environment = here(deployed, secrets=secrets, places=places, folder=folder)
        moved = {"/run/secrets": secrets, "/var/lib/heartward": folder, "/backup": folder}
        command = list(deployed.command)
        for shipped, at_home in moved.items():
            command = [part.replace(shipped, str(at_home)) for part in command]
        return Process(deployed.name, command, environment, folder)

    def _given(self, deployed: Deployed, folder: Path) -> Path:
        """A folder with the secrets that this process is given, and no other."""
        own = folder / f"secrets-{deployed.name}"
        own.mkdir()
        for name in deployed.secrets:
            (own / name).symlink_to(self.secrets / name)
        return own


@pytest.fixture(scope="module")
def site(
    influxdb: InfluxDb, postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), influxdb, postgresql)
    try:
        made.mosquitto.start()
        made.kafka.start()
        yield made
    finally:
        made.kafka.kill()
        made.mosquitto.kill()


@pytest.mark.parametrize(
    "read", [from_compose, from_chart, from_units], ids=["compose", "helm", "systemd"]
)
def test_every_process_starts_as_the_shipped_files_say(
    site: Site, read: Callable[[], list[Deployed]], request: pytest.FixtureRequest
) -> None:
    deployed = read()
    turn = request.node.callspec.id
    if turn == "systemd":  # whose README has these steps by hand
        site.kafka.prepare()
    for name in ("topics", "access", "series"):
        for step in (each for each in deployed if each.ends and each.command[0] == name):
            done = site.process(step, turn).start()
            assert done.wait(_READY_S) == 0, done.log.read_text()[-1500:]
    with ExitStack() as started:
        running: dict[str, Process] = {}
        for each in deployed:
            if not each.ends:
                process = site.process(each, turn).start()
                started.callback(process.kill)
                running[each.command[0]] = process
        assert set(running) == {*_KINDS, "drift", "console"}
        for name, process in running.items():
            until(process.is_ready, f"{name} of {turn} is ready", timeout_s=_READY_S)
        assert "windows" in running["drift"].log.read_text()
        pids = {process.pid for process in running.values()}
        beats = kafka_log.records(site.kafka.connection("admin"), HEARTBEATS, Heartbeat)
        assert {beat.kind for beat in beats if beat.pid in pids} >= set(_KINDS.values())
        for step in (each for each in deployed if each.command[0] == "backup"):
            done = site.process(step, turn).start()
            assert done.wait(_READY_S) == 0, done.log.read_text()[-1500:]
            assert kept(site.folder / turn / "ward.tar.gz") >= {"postgresql.dump", "topics.records"}


def kept(archive: Path) -> set[str]:
    with tarfile.open(archive) as opened:
        return set(opened.getnames())


@pytest.mark.parametrize("turn", ["compose", "helm"])
def test_the_consoles_tables_are_in_postgresql(
    site: Site, turn: str, postgresql: Postgresql
) -> None:
    """Where an address was given; the test before has started the consoles."""
    assert not list((site.folder / turn).rglob("*.sqlite3"))
    tables = postgresql.run("psql", "-Atc", "SELECT tablename FROM pg_tables", postgresql.database)
    assert "history_" in tables
