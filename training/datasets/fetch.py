"""One file over HTTP: continued where it broke off, checked, and there only when it is whole."""

import errno
import hashlib
import shutil
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from models.errors import UserError

_BLOCK_BYTES = 1 << 17
_SERVERS_OWN_FAULT = 500
_TIMEOUT_S = 30.0
_TRIES = 3
_PAUSE_S = 1.0
_KEEP_FREE_BYTES = 64 << 20
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416

Progress = Callable[[int, int | None], None]


def fetch(url: str, file: Path, *, sha256: str | None, limit_bytes: int, progress: Progress) -> str:
    """Get `url` into `file`, unless it is there already as it should be.

    What has come so far waits in ``FILE.part`` for the next try. `progress` is told how many
    bytes are there, of how many, if the server says.

    Returns
    -------
    The SHA-256 of the file.
    """
    if file.is_file() and sha256 in {None, known := hash_of(file)}:
        return known
    part = file.with_name(f"{file.name}.part")
    file.parent.mkdir(parents=True, exist_ok=True)
    _get(url, part, limit_bytes, progress)
    found = hash_of(part)
    if sha256 not in {None, found}:
        part.unlink()
        raise UserError(
            f"{url} came with SHA-256 {found}, but {sha256} is published: thrown away; try again"
        )
    part.replace(file)
    return found


def hash_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _get(url: str, part: Path, limit_bytes: int, progress: Progress) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            _continue(url, part, limit_bytes, progress)
        except HTTPError as error:
            if error.code < _SERVERS_OWN_FAULT or not tries_left:
                raise UserError(f"{url} answers {error.code} {error.reason}") from error
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            if not tries_left:
                reason = error.reason if isinstance(error, URLError) else error
                raise UserError(
                    f"{url} cannot be reached: {reason}; is there a network?"
                ) from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise UserError(
                    f"the disk of {part.parent} is full: free some, and try again"
                ) from error
            raise UserError(f"{part} cannot be written: {error.strerror}") from error
        else:
            return
        time.sleep(_PAUSE_S)


def _continue(url: str, part: Path, limit_bytes: int, progress: Progress) -> None:
    have = part.stat().st_size if part.is_file() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 (our own addresses)
            start = have if response.status == _PARTIAL_CONTENT else 0
            _write(response, part, start, limit_bytes, progress)
    except HTTPError as error:
        error.close()
        if error.code != _RANGE_NOT_SATISFIABLE or not have:
            raise
        if error.headers.get("Content-Range") != f"bytes */{have}":
            part.unlink()
            raise ConnectionError("it has changed since the last try") from error


def _write(
    response: HTTPResponse, part: Path, start: int, limit_bytes: int, progress: Progress
) -> None:
    done = start
    total = start + int(response.headers.get("Content-Length") or 0) or None
    _check_room(part, done, total, limit_bytes)
    with part.open("ab" if start else "wb") as target:
        while block := response.read(_BLOCK_BYTES):
            done += len(block)
            if done > limit_bytes:
                raise UserError(f"{response.url} is larger than {limit_bytes} bytes: refused")
            target.write(block)
            progress(done, total)
    if total is not None and done < total:
        raise ConnectionError(f"it broke off after {done} of {total} bytes")


def _check_room(part: Path, done: int, total: int | None, limit_bytes: int) -> None:
    if total is None:
        return
    if total > limit_bytes:
        raise UserError(f"{part.stem} has {total} bytes, more than {limit_bytes}: refused")
    free = shutil.disk_usage(part.parent).free
    if total - done > free - _KEEP_FREE_BYTES:
        raise OSError(errno.ENOSPC, f"{total - done} bytes are needed, {free} are free")
