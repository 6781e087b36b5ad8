"""Mosquitto with TLS, passwords and the shipped access rules."""

import getpass
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded import free_port
from tests.servers import ROOT, Mosquitto, missing

_SHIPPED = ROOT / "deploy" / "mosquitto"


class SecuredMosquitto(Mosquitto):
    """Mosquitto as `deploy/mosquitto` ships it, but for paths, ports and user."""

    def __init__(self, folder: Path, passwords: Mapping[str, str]) -> None:
        super().__init__(folder)
        self.device_port, self.bridge_port = free_port(), free_port()
        self.port = self.bridge_port
        make_certificate(folder)
        _make_passwords(folder / "passwords", passwords)
        shutil.copy(_SHIPPED / "acl", folder / "acl")
        replaced = {
            "/etc/mosquitto/heartward": str(folder),
            "/var/lib/mosquitto": str(folder),
            "listener 8883": f"listener {self.device_port} 127.0.0.1",
            "listener 8884": f"listener {self.bridge_port} 127.0.0.1",
        }
        text = (_SHIPPED / "mosquitto.conf").read_text()
        for shipped, here in replaced.items():
            assert shipped in text
            text = text.replace(shipped, here)
        self._configuration.write_text(f"user {getpass.getuser()}\n{text}")

    @property
    def ca_file(self) -> Path:
        return self.folder / "server.pem"


def make_certificate(folder: Path) -> None:
    """A certificate for localhost that is its own authority."""
    program = shutil.which("openssl") or missing("openssl", "apt-get install openssl")
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    subprocess.run(
        [
            program,
            *options.split(),
            "subjectAltName=DNS:localhost",
            "-keyout",
            str(folder / "server.key"),
            "-out",
            str(folder / "server.pem"),
        ],
        check=True,
        capture_output=True,
    )
    shutil.copy(folder / "server.pem", folder / "ca.pem")


def _make_passwords(file: Path, passwords: Mapping[str, str]) -> None:
    program = shutil.which("mosquitto_passwd") or missing(
        "mosquitto_passwd", "apt-get install mosquitto"
    )
    file.touch(mode=0o600)
    for user, password in passwords.items():
        subprocess.run([program, "-b", str(file), user, password], check=True)
