"""Real servers as child processes: start, kill -9, start again on the same port and data.

The embedded brokers are always there. Mosquitto is Debian's package; Apache Kafka and InfluxDB
start with a command from the environment (``HEARTWARD_TEST_KAFKA``, ``HEARTWARD_TEST_INFLUXDB``:
a program called as ``PROGRAM start DATA_DIR PORT [CONTROLLER_PORT]``), or from a folder ``shared``
beside the checkout; InfluxDB 1 is Debian's package. A running InfluxDB 2 is named by
``HEARTWARD_TEST_INFLUXDB_URL``, ``..._TOKEN``, ``..._ORG`` and ``..._BUCKET``; tests that kill
their database start one of their own all the same. Where one cannot be had its tests skip, unless
``HEARTWARD_TEST_REQUIRE_ALL`` is set, as in CI: there a missing one fails.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import ClassVar, Self

import pytest

from deploy.embedded import LOOPBACK, free_port, wait_for_port
from models.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


class Child:
    """One child process with its own folder and log; restartable."""

    name: str
    stop_timeout_s: ClassVar[float] = 60.0  # a simulator drains first

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def ready(self) -> None:
        """Return once it can be used; raise `UserError` otherwise."""

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=self.environment(),
            )
        try:
            self.ready()
        except UserError:
            self.kill()
            pytest.fail(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
        return self

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> int:
        """Wait for its own end and return its exit status."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(self.stop_timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


class Server(Child):
    """A child that listens on a port of its own, the same after a restart."""

    start_timeout_s: ClassVar[float] = 30.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def ready(self) -> None:
        wait_for_port(self.port, timeout_s=self.start_timeout_s, what=self.name)


class EmbeddedMqtt(Server):
    name = "embedded-mqtt"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "deploy.embedded", "mqtt", str(self.port)]


class EmbeddedKafka(Server):
    name = "embedded-kafka"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "deploy.embedded", "kafka", str(self.port)]


class Mosquitto(Server):
    """Debian's Mosquitto; `settings` are further lines of its configuration."""

    name = "mosquitto"

    def __init__(self, folder: Path, settings: str = "") -> None:
        super().__init__(folder)
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} {LOOPBACK}\nallow_anonymous true\n{settings}\n"
        )

    def command(self) -> list[str]:
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        program = program or missing("mosquitto", "apt-get install mosquitto")
        return [program, "-c", str(self._configuration)]


class ApacheKafka(Server):
    """One KRaft broker whose data survives a kill."""

    name = "kafka"
    start_timeout_s = 60.0
    _CLUSTER = "aGVhcnR3YXJkLWNsdXN0ZQ"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._controller_port = free_port()

    def command(self) -> list[str]:
        program = _program("HEARTWARD_TEST_KAFKA", SHARED / "kafka" / "kafka")
        if shutil.which("java") is None:
            missing("java", "apt-get install openjdk-17-jre-headless")
        return [program, "start", str(self._data), str(self.port), str(self._controller_port)]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def format(self, settings: str) -> None:
        """Make its folder with settings of a test's own, which the start command then leaves."""
        file = self._data / "server.properties"
        file.parent.mkdir()
        file.write_text(settings)
        program, *_ = self.command()
        tool = ("kafka.tools.StorageTool", "format", "-t", self._CLUSTER, "-c", str(file))
        done = subprocess.run(
            [program, "run", *tool],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


class InfluxDb(Server):
    """InfluxDB 2 with one organisation, one bucket and one token."""

    name = "influxdb"
    start_timeout_s = 60.0
    org = "heartward"
    bucket = "heartward"
    token = "token-of-a-test-server"  # noqa: S105 (guards a server on the loopback for seconds)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def write_path(self) -> str:
        return f"/api/v2/write?org={self.org}&bucket={self.bucket}&precision=us"

    def command(self) -> list[str]:
        program = _program("HEARTWARD_TEST_INFLUXDB", SHARED / "influxdb" / "influxdb")
        return [program, "start", str(self.folder / "data"), str(self.port)]

    def ready(self) -> None:
        super().ready()
        setup = {
            "username": "heartward",
            "password": "password-of-a-test-server",
            "org": self.org,
            "bucket": self.bucket,
            "token": self.token,
        }
        url = f"{self.url}/api/v2/setup"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
            if not json.load(answer)["allowed"]:
                return
        request = urllib.request.Request(url, json.dumps(setup).encode(), method="POST")  # noqa: S310
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


class GivenInfluxDb(InfluxDb):
    """A running one that the environment names: nothing is started, stopped or set up."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        given = "HEARTWARD_TEST_INFLUXDB_"
        self._url = os.environ[f"{given}URL"].rstrip("/")
        self.org = os.environ.get(f"{given}ORG", self.org)
        self.bucket = os.environ.get(f"{given}BUCKET", self.bucket)
        self.token = os.environ.get(f"{given}TOKEN", self.token)

    @property
    def url(self) -> str:
        return self._url

    def start(self) -> Self:
        return self

    def stop(self) -> None:
        pass


class InfluxDb1(Server):
    """Debian's InfluxDB 1: the same queries, another generation."""

    name = "influxdb-1"
    start_timeout_s = 60.0
    bucket = "heartward"
    token = ""  # it asks for none

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def write_path(self) -> str:
        return f"/write?db={self.bucket}&precision=u"

    def command(self) -> list[str]:
        remedy = "apt-get install influxdb, or name Debian's influxd in HEARTWARD_TEST_INFLUXDB1"
        program = os.environ.get("HEARTWARD_TEST_INFLUXDB1") or shutil.which("influxd")
        configuration = self.folder / "influxdb.conf"
        configuration.write_text(
            f"""reporting-disabled = true
bind-address = "{LOOPBACK}:{free_port()}"
[meta]
dir = "{self.folder}/meta"
[data]
dir = "{self.folder}/data"
wal-dir = "{self.folder}/wal"
[http]
bind-address = "{self.address}"
log-enabled = false
"""
        )
        return [program or missing("influxd of InfluxDB 1", remedy), "-config", str(configuration)]

    def ready(self) -> None:
        super().ready()
        statement = f"q=CREATE+DATABASE+{self.bucket}".encode()
        urllib.request.urlopen(f"{self.url}/query", statement, timeout=30).close()  # noqa: S310


def missing(what: str, remedy: str) -> str:
    """Skip the test, or fail it where everything must be there."""
    message = f"{what} is not here: {remedy}"
    if os.environ.get("HEARTWARD_TEST_REQUIRE_ALL"):
        pytest.fail(message)
    pytest.skip(message)


def _program(variable: str, fallback: Path) -> str:
    program = os.environ.get(variable) or (str(fallback) if fallback.exists() else None)
    return program or missing(fallback.name, f"name a start command in {variable}")
