"""What `heartward retrain` remembers from one time to the next, and that only one runs at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from models.errors import ConfigurationError

_DIARY, _LOCK = "diary.json", "lock"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate, and the identities of the labels that it knew."""

    candidate: str
    recipe_sha256: str
    labels: tuple[str, ...]


class Diary(msgspec.Struct, frozen=True, kw_only=True):
    entries: tuple[Entry, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        """Labels that the latest candidate knew."""
        return frozenset(self.entries[-1].labels if self.entries else ())


class Busy(Exception):  # noqa: N818 (no error: another one is at work)
    """Another retraining holds the folder."""


def read(folder: Path) -> Diary:
    """The folder's diary; empty where nothing was trained yet."""
    path = folder / _DIARY
    try:
        return msgspec.json.decode(path.read_bytes(), type=Diary)
    except FileNotFoundError:
        return Diary()
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def add(folder: Path, entry: Entry) -> None:
    """Write the diary with one more entry, whole or not at all."""
    diary = Diary(entries=(*read(folder).entries, entry))
    part = folder / f"{_DIARY}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(diary)) + b"\n")
    part.replace(folder / _DIARY)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel lets go of it when the process ends, however it ends.

    Raises
    ------
    Busy
        If another process holds it.
    ConfigurationError
        If the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        yield
