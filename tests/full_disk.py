"""An InfluxDB on a disk of its own that is small enough to be filled."""

import subprocess
from typing import Self

from tests.servers import InfluxDb, missing

_DISK_MIB = 64


class SmallDiskInfluxDb(InfluxDb):
    """Its data lie on a disk in memory, in a namespace that a process of its own keeps alive."""

    _keeper: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        return [*self._inside(), *super().command()]

    def start(self) -> Self:
        if self._keeper is None:
            self._keeper = _mounted(str(self.folder))
        return super().start()

    def close(self) -> None:
        self.kill()
        if self._keeper is not None:
            self._keeper.kill()
            self._keeper.wait()

    def fill(self) -> None:
        """Leave not a byte; nothing is written where the disk is any other than that small one."""
        self._there('[ "$(stat -f -c %T .)" = tmpfs ]')
        self._there(f"head -c {_DISK_MIB}M /dev/zero >ballast 2>full || [ -s ballast ]")
        assert self._there("df --output=avail . | tail -1").strip() == "0"

    def free(self) -> None:
        self._there("rm ballast")

    def _inside(self) -> list[str]:
        assert self._keeper is not None
        target = f"--target={self._keeper.pid}"
        return ["nsenter", target, "--user", "--mount", "--preserve-credentials"]

    def _there(self, script: str) -> str:
        return subprocess.run(
            [*self._inside(), "sh", "-euc", f'cd "$1" && {script}', "sh", str(self.folder)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout


def _mounted(folder: str) -> subprocess.Popen[bytes]:
    """A process in a namespace of its own, in which a disk is mounted there."""
    script = f'mount -t tmpfs -o size={_DISK_MIB}m none "$1" && echo mounted && exec sleep infinity'
    keeper = subprocess.Popen(
        ["unshare", "-rm", "sh", "-euc", script, "sh", folder],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert keeper.stdout is not None
    with keeper.stdout as said:
        is_mounted = said.readline() == b"mounted\n"
    if not is_mounted:
        keeper.wait()
        missing("a kernel that lets a user mount in a namespace", "allow user namespaces")
    return keeper
