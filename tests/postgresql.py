"""A PostgreSQL of a test's own, out of Debian's package, in a folder that goes away."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

from deploy.embedded import LOOPBACK
from tests.servers import Server, missing
from tests.waiting import until

_OWNER = "postgres"
_LIBRARIES = Path("/usr/lib/postgresql")


class Postgresql(Server):
    """Lets in one user with a password, over TCP alone.

    Its programs refuse to run as root, and then run as the user whom the package has made; so the
    folder must be one that this user can reach.
    """

    name = "postgresql"
    user = "heartward"
    database = "heartward"
    password = "p@ss/word of a test"  # noqa: S105 (guards a server on the loopback for seconds)

    @property
    def url(self) -> str:
        """As the console takes it."""
        return (
            f"postgresql://{self.user}:p%40ss%2Fword%20of%20a%20test"
            f"@{LOOPBACK}:{self.port}/{self.database}"
        )

    def command(self) -> list[str]:
        settings = (f"port={self.port}", f"listen_addresses={LOOPBACK}", "unix_socket_directories=")
        given = (part for setting in settings for part in ("-c", setting))
        return [*_as_owner(), program("postgres"), "-D", str(self._data), *given]

    def start(self) -> Self:
        is_new = not self._data.exists()
        if is_new:
            self._make()
        super().start()
        if is_new:
            self.run("createdb", self.database)
        return self

    def ready(self) -> None:
        super().ready()
        until(lambda: "accepting" in self._state(), "PostgreSQL accepts connections", timeout_s=30)

    def stop(self) -> None:
        """Without waiting for those who are connected."""
        self._end(signal.SIGINT)

    def run(self, tool: str, *arguments: str) -> str:
        """What one of PostgreSQL's own tools says."""
        where = {"PGHOST": LOOPBACK, "PGPORT": str(self.port), "PGPASSWORD": self.password}
        return subprocess.run(
            [program(tool), "-U", self.user, *arguments],
            env=os.environ | where,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _make(self) -> None:
        words = self.folder / "password"
        words.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.folder, words):
                shutil.chown(path, _OWNER)
        options = ("-A", "scram-sha-256", "-U", self.user, f"--pwfile={words}", "--no-sync")
        done = subprocess.run(
            [*_as_owner(), program("initdb"), *options, "-D", str(self._data)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _state(self) -> str:
        command = [program("pg_isready"), "-h", LOOPBACK, "-p", str(self.port)]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def program(name: str) -> str:
    """Debian keeps PostgreSQL's programs in a folder of each version."""
    folders = sorted(map(str, _LIBRARIES.glob("*/bin")), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"]]))
    return found or missing(f"PostgreSQL's {name}", "apt-get install postgresql")


def _as_owner() -> list[str]:
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam(_OWNER)
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
