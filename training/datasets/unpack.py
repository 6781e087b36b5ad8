"""Archives of others, unpacked without trusting them.

Only plain files are taken, only below the folder named, and no more bytes than allowed, counted
as they come out and not as the archive says.
"""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO

from models.errors import UserError

_BLOCK_BYTES = 1 << 20
_LITTER = {"__MACOSX", ".DS_Store", "Thumbs.db"}
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, RuntimeError)


def unpack(archive: Path, folder: Path, *, limit_bytes: int, strip: int = 0) -> None:
    """Unpack a ZIP or tar into a folder, leaving off `strip` leading folders of its paths.

    An archive that is not whole is deleted, so that the next try fetches it again.
    """
    left_bytes = limit_bytes
    try:
        for name, stream in _plain_files(archive):
            parts = safe_path(name).parts
            if parts[strip:] and not _LITTER.intersection(parts):
                file = folder.joinpath(*parts[strip:])
                left_bytes -= _copy(stream, file, left_bytes, archive)
    except _BROKEN as error:
        archive.unlink()
        raise UserError(f"{archive.name} is not a whole ZIP or tar archive: {error}") from error


def safe_path(name: str) -> PurePosixPath:
    """A relative path that stays below where it is put; raises `UserError` for any other."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or set("\\:\0") & set(name):
        raise UserError(f"{name!r} is refused: it is no path inside the data set's folder")
    return path


def _plain_files(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of each; links, devices and folders are passed over."""
    with ExitStack() as opened:
        if zipfile.is_zipfile(archive):
            in_zip = opened.enter_context(zipfile.ZipFile(archive))
            for entry in in_zip.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if not entry.is_dir() and kind in {0, stat.S_IFREG}:
                    with in_zip.open(entry) as stream:
                        yield entry.filename, stream
            return
        in_tar = opened.enter_context(tarfile.open(archive))
        for member in in_tar:
            if member.isfile() and (content := in_tar.extractfile(member)):
                with content:
                    yield member.name, content


def _copy(stream: IO[bytes], file: Path, left_bytes: int, archive: Path) -> int:
    """How many bytes it was."""
    copied = 0
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as target:
        while block := stream.read(_BLOCK_BYTES):
            copied += len(block)
            if copied > left_bytes:
                raise UserError(f"{archive.name} unpacks to more than is allowed: refused")
            target.write(block)
    return copied
