"""Download a data set from where it is published; it is there only when all of it is checked.

Everything gathers in ``.NAME.partial`` beside the place where the data set shall be, which takes
that name at the end. A download that broke off goes on from there.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from threading import Event
from urllib.parse import quote, urljoin

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from models.errors import UserError
from training.datasets.fetch import fetch
from training.datasets.sources import Remote, Source
from training.datasets.unpack import safe_path, unpack

RECORD = "download.json"
_ARCHIVES = ".archives"
_SUMS = ".SHA256SUMS.txt"
_AT_ONCE = 6
_FEW = 12  # files that may have a bar each


class Fetched(msgspec.Struct, frozen=True):
    """A line of the record; `published` says whether others vouch for the hash."""

    url: str
    path: str
    sha256: str
    published: bool


class Record(msgspec.Struct, frozen=True):
    """What was downloaded, when, from where; kept in the data set's folder."""

    page: str
    licence: str
    at: str
    files: list[Fetched]


def download(source: Source, folder: Path, console: Console) -> Record:
    """Make `folder` hold the data set; raises `UserError` in one line where that fails."""
    if folder.exists():
        raise UserError(f"{folder} is there already: remove it to download it again")
    partial = folder.with_name(f".{folder.name}.partial")
    _say_terms(source, folder, console)
    with _disk_errors(partial), _progress(console) as progress:
        partial.mkdir(parents=True, exist_ok=True)
        wanted = _wanted(source, partial)
        files = _fetch_all(wanted, partial, source.limit_bytes, progress)
        record = Record(source.page, source.licence, datetime.now(UTC).isoformat(), files)
        _finish(wanted, partial, source.limit_bytes, record)
        partial.replace(folder)
    console.print(f"{len(files)} files, checked, in {folder}", highlight=False)
    if source.then:
        console.print(f"left to do in {folder}: {source.then}", highlight=False)
    return record


def _say_terms(source: Source, folder: Path, console: Console) -> None:
    published = source.sums or all(remote.sha256 for remote in source.files)
    checks = (
        "every file is checked against its published SHA-256"
        if published
        else f"no checksum is published: what comes is recorded in {folder / RECORD}"
    )
    for line in (source.citation, source.page, f"licence: {source.licence}", checks):
        console.print(line, highlight=False, markup=False)


def _wanted(source: Source, partial: Path) -> list[Remote]:
    """The files to fetch, as listed by us or by the publisher's table of checksums."""
    if source.sums is None:
        return list(source.files)
    table = partial / _SUMS
    fetch(source.sums, table, sha256=None, limit_bytes=source.limit_bytes, progress=_silently)
    wanted = list(_listed(table.read_text(encoding="utf-8"), source))
    if not wanted:
        table.unlink()
        raise UserError(f"{source.sums} lists none of {', '.join(source.wanted)}")
    return wanted


def _listed(table: str, source: Source) -> Iterator[Remote]:
    for line in table.splitlines():
        sha256, _, name = line.partition(" ")
        path = name.strip().removeprefix("*")
        if any(fnmatch(path, pattern) for pattern in source.wanted):
            address = urljoin(source.sums or "", quote(str(safe_path(path))))
            yield Remote(path=path, url=address, sha256=sha256.lower())


def _fetch_all(
    wanted: list[Remote], partial: Path, limit_bytes: int, progress: Progress
) -> list[Fetched]:
    """Several at once, for most are small; the first failure ends them all."""
    files = progress.add_task("files", total=len(wanted))
    over = Event()

    def one(remote: Remote) -> Fetched:
        task = progress.add_task(remote.path, total=None, visible=len(wanted) <= _FEW)

        def tell(done: int, total: int | None) -> None:
            if over.is_set():
                raise UserError(f"{remote.path} was not waited for")
            progress.update(task, completed=done, total=total)

        file = _place(remote, partial)
        sha256 = fetch(
            remote.url, file, sha256=remote.sha256, limit_bytes=limit_bytes, progress=tell
        )
        progress.remove_task(task)
        progress.advance(files)
        return Fetched(remote.url, remote.path, sha256, published=remote.sha256 is not None)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = [pool.submit(one, remote) for remote in wanted]
        try:
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            for each in done:
                each.result()
        finally:
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)
    return [each.result() for each in running]


def _place(remote: Remote, partial: Path) -> Path:
    return partial / (_ARCHIVES if remote.unpack_to else ".") / safe_path(remote.path)


def _finish(wanted: list[Remote], partial: Path, limit_bytes: int, record: Record) -> None:
    for remote in wanted:
        if remote.unpack_to:
            archive, target = _place(remote, partial), partial / remote.unpack_to
            unpack(archive, target, limit_bytes=limit_bytes, strip=remote.strip)
    shutil.rmtree(partial / _ARCHIVES, ignore_errors=True)
    (partial / _SUMS).unlink(missing_ok=True)
    (partial / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(record)))


def _silently(_done: int, _total: int | None) -> None:
    pass


@contextmanager
def _disk_errors(partial: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{partial.parent} cannot be written: {error.strerror}") from error


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    return Progress(*columns, console=console, transient=True)
