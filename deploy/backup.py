"""A ward's memory in one file, and back: what people decided, the console's folder, settings.

Sound and results are not in it: Kafka keeps them for hours and days, `heartward record` for longer,
and InfluxDB has a backup of its own. Of Kafka it holds what could not be made again: who wore which
device, which models run, what the alarms are and were, and what people answered.
"""

import hashlib
import io
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from deploy import postgresql
from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from models.errors import UserError
from stream_processors.record_files import first_us, from_file, from_kafka, write_file
from stream_processors.topics import (
    ALARM_ACTIONS,
    ALARM_STATE,
    ALARMS,
    ASSIGNMENTS,
    DEVICE_STATS,
    MODELS,
    STATUS,
)

KEPT = (ASSIGNMENTS, MODELS, STATUS, DEVICE_STATS, ALARM_STATE, ALARM_ACTIONS, ALARMS)

_MANIFEST, _TOPICS, _DUMP = "manifest.json", "topics.records", "postgresql.dump"
_CONSOLE, _SETTINGS = PurePosixPath("console"), PurePosixPath("settings")
_SQLITE = b"SQLite format 3\0"
_SIDE_FILES = ("-wal", "-shm", "-journal")
_FLUSH_S = 60.0
_VERSION = 1


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds: each file's SHA-256."""

    v: int = _VERSION
    at_us: int
    records: int
    files: dict[str, str]


class Parts(NamedTuple):
    """What a backup is of, and a restore to; None leaves a part out."""

    kafka: KafkaConnection | None
    console: Path | None
    settings: Path | None
    database_url: str | None = None


def backup(parts: Parts, archive: Path) -> Manifest:
    """Write everything into one archive, whole or not at all.

    Raises
    ------
    UserError
        When a part cannot be read or the archive not be written.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        records = 0
        if parts.kafka is not None:
            kept = from_kafka(parts.kafka, KEPT, from_us=0, until_us=2**62)
            records = write_file(kept, folder / _TOPICS)
        if parts.database_url is not None:
            postgresql.dump(parts.database_url, folder / _DUMP)
        for source, name in ((parts.console, _CONSOLE), (parts.settings, _SETTINGS)):
            if source is not None:
                _copy(source, folder / name)
        files = {str(path.relative_to(folder)): _sha256(path) for path in _files(folder)}
        manifest = Manifest(at_us=time.time_ns() // 1000, records=records, files=files)
        _pack(folder, files, manifest, archive)
    return manifest


def restore(parts: Parts, archive: Path) -> Manifest:
    """Bring an archive's parts back where there is nothing yet; all is checked before anything.

    Raises
    ------
    UserError
        When the archive is damaged, or a folder, the database or Kafka is not empty.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        manifest = _unpack(archive, folder)
        for target in (parts.console, parts.settings):
            if target is not None and target.exists() and any(target.iterdir()):
                raise UserError(f"{target} is not empty: nothing is restored over what is there")
        if parts.kafka is not None:
            _refuse_a_used(parts.kafka)
        if parts.database_url is not None:
            postgresql.require_empty(parts.database_url)
        if parts.kafka is not None and (folder / _TOPICS).exists():
            _publish(parts.kafka, folder / _TOPICS)
        if parts.database_url is not None and (folder / _DUMP).exists():
            postgresql.restore(parts.database_url, folder / _DUMP)
        for target, name in ((parts.console, _CONSOLE), (parts.settings, _SETTINGS)):
            if target is not None and (folder / name).exists():
                _copy(folder / name, target)
    return manifest


def _copy(source: Path, target: Path) -> None:
    """A folder or a file; a database of SQLite as it is at one moment, though it is in use."""
    try:
        if source.is_file():
            target.mkdir(parents=True, exist_ok=True)
            _copy_file(source, target / source.name)
            return
        if not source.is_dir():
            raise UserError(f"{source} is not there")
        for path in _files(source):
            if not path.name.endswith(_SIDE_FILES):
                _copy_file(path, target / path.relative_to(source))
    except OSError as error:
        raise UserError(f"{error.filename} cannot be copied: {error.strerror}") from None


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as opened:
        is_database = opened.read(len(_SQLITE)) == _SQLITE
    if is_database:
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as kept:
            live.backup(kept)
    else:
        shutil.copyfile(source, target)
    target.chmod(source.stat().st_mode & 0o777)


def _pack(folder: Path, files: Iterable[str], manifest: Manifest, archive: Path) -> None:
    partial = archive.with_name(f"{archive.name}.part")
    try:
        partial.touch(mode=0o600)  # keys and settings are in it
        with tarfile.open(partial, "w:gz") as packed:
            text = msgspec.json.format(msgspec.json.encode(manifest))
            head = tarfile.TarInfo(_MANIFEST)
            head.size = len(text)
            packed.addfile(head, io.BytesIO(text))
            for name in files:
                packed.add(folder / name, arcname=name)
        partial.replace(archive)
    except OSError as error:
        raise UserError(f"{archive} cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def _unpack(archive: Path, folder: Path) -> Manifest:
    try:
        with tarfile.open(archive, "r:gz") as packed:
            packed.extractall(folder, filter="data")
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, EOFError, tarfile.TarError, msgspec.DecodeError) as error:
        raise UserError(f"{archive} is no backup, or damaged: {error}") from None
    if manifest.v != _VERSION:
        raise UserError(f"{archive} was written by another version ({manifest.v})")
    for name, sha256 in manifest.files.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != sha256:
            raise UserError(f"{archive} is damaged: {name} is not what was saved")
    return manifest


def _refuse_a_used(kafka: KafkaConnection) -> None:
    for topic in KEPT:
        if first_us(kafka, topic, from_us=0) is not None:
            raise UserError(
                f"{topic.name} of Kafka {kafka.address} has records: a ward is restored into an "
                "empty one, after `heartward topics apply`"
            )


def _publish(kafka: KafkaConnection, file: Path) -> None:
    sink = ConfluentSink(kafka, client_id="heartward-restore")
    sink.require([topic.name for topic in KEPT])
    for kept in from_file(file):
        sink.produce(kept.topic, kept.key, kept.value, timestamp_ms=kept.timestamp_us // 1000)
    unsent = sink.flush(_FLUSH_S)
    sink.close()
    if unsent:
        raise UserError(f"Kafka {kafka.address} took all but {unsent} records: look at its log")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
