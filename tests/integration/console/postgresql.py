"""A real PostgreSQL with an empty database, as a child process."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import Server, missing

USER = "heartward"
_DEBIAN = Path("/usr/lib/postgresql")


class PostgreSql(Server):
    """It refuses to be root, so where the tests are, it is its package's own user."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._as = _another_user() if os.getuid() == 0 else []
        if self._as:
            shutil.chown(folder, "postgres", "postgres")
        make = [
            program("initdb"),
            "-D",
            str(folder / "data"),
            "-A",
            "trust",
            "-U",
            USER,
            "--no-sync",
        ]
        subprocess.run([*self._as, *make], check=True, stdout=subprocess.DEVNULL)

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@{self.address}/postgres"

    def command(self) -> list[str]:
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        options = [word for each in settings for word in ("-c", each)]
        data = str(self.folder / "data")
        return [*self._as, program("postgres"), "-D", data, "-p", str(self.port), *options]


def program(name: str) -> str:
    """Of the newest version; Debian keeps them out of the way."""
    found = shutil.which(name) or max(map(str, _DEBIAN.glob(f"*/bin/{name}")), default=None)
    return found or missing("PostgreSQL", "apt-get install postgresql")


@contextmanager
def running() -> Iterator[PostgreSql]:
    """In a folder that its user can reach, which pytest's own is not."""
    program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="heartward-postgresql-"))
    try:
        server = PostgreSql(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _another_user() -> list[str]:
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        missing("PostgreSQL's user", "apt-get install postgresql")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
