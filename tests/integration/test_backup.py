"""What a ward knows survives the loss of its Kafka, its console and its settings."""

import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy.assignments import demonstration_ward
from deploy.backup import KEPT, Parts, backup, restore
from ingest.connections import KafkaConnection, load
from models.errors import UserError
from stream_processors.records import AlarmAction, Assignment
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import ALARM_ACTIONS, ASSIGNMENTS
from tests import kafka_log
from tests.postgresql import Postgresql
from tests.servers import EmbeddedKafka


class Ward:
    """Kafka, and what a console and an operator keep in folders."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedKafka(folder / "kafka").start()
        self.kafka = load(KafkaConnection, {"servers": self.server.address})
        apply_topics(self.kafka, partitions=2)
        self.parts = Parts(self.kafka, folder / "console", folder / "settings")

    def live(self) -> None:
        beds = demonstration_ward(["W-1", "W-2"], ward="west", from_us=5)
        kafka_log.publish(self.kafka, ASSIGNMENTS, ((b.assignment_id, b) for b in beds))
        answer = AlarmAction(
            action_id="a", action="acknowledge", device_id="W-1", actor="nurse", at_us=7
        )
        kafka_log.publish(self.kafka, ALARM_ACTIONS, [("W-1", answer)])
        console, settings = self.parts.console, self.parts.settings
        assert console is not None
        assert settings is not None
        (console / "clips").mkdir(parents=True)
        (console / "clips" / "c1.flac").write_bytes(b"sound")
        settings.mkdir()
        (settings / "heartward.env").write_text("HEARTWARD_KAFKA_TLS=true\n")
        (settings / "key").touch(mode=0o600)
        with closing(sqlite3.connect(console / "console.sqlite3")) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE note (text TEXT)")
            database.execute("INSERT INTO note VALUES ('seen')")
            database.commit()


@pytest.fixture
def wards(tmp_path: Path) -> Iterator[tuple[Ward, Ward]]:
    both = Ward(tmp_path / "old"), Ward(tmp_path / "new")
    yield both
    for ward in both:
        ward.server.kill()


def test_a_ward_is_brought_back_whole(wards: tuple[Ward, Ward], tmp_path: Path) -> None:
    old, new = wards
    old.live()
    console = old.parts.console
    assert console is not None
    with closing(sqlite3.connect(console / "console.sqlite3")) as in_use:
        in_use.execute("INSERT INTO note VALUES ('not yet said')")  # and not committed
        saved = backup(old.parts, tmp_path / "ward.tar.gz")
    assert (tmp_path / "ward.tar.gz").stat().st_mode & 0o777 == 0o600
    assert restore(new.parts, tmp_path / "ward.tar.gz") == saved
    for topic, kind in ((ASSIGNMENTS, Assignment), (ALARM_ACTIONS, AlarmAction)):
        before = kafka_log.records(old.kafka, topic, kind)
        assert kafka_log.records(new.kafka, topic, kind) == before
        assert before
    brought = new.parts.console
    assert brought is not None
    assert new.parts.settings is not None
    assert (brought / "clips" / "c1.flac").read_bytes() == b"sound"
    assert (new.parts.settings / "key").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(brought / "console.sqlite3")) as database:
        assert database.execute("SELECT text FROM note").fetchall() == [("seen",)]


def test_nothing_is_restored_over_what_is_there(wards: tuple[Ward, Ward], tmp_path: Path) -> None:
    old, new = wards
    old.live()
    backup(old.parts, tmp_path / "ward.tar.gz")
    with pytest.raises(UserError, match="not empty"):
        restore(old.parts, tmp_path / "ward.tar.gz")
    with pytest.raises(UserError, match="has records"):
        restore(old.parts._replace(console=None, settings=None), tmp_path / "ward.tar.gz")
    assert not any(kafka_log.entries(new.kafka, topic) for topic in KEPT)


def test_a_damaged_archive_is_refused_before_anything_is_touched(
    wards: tuple[Ward, Ward], tmp_path: Path
) -> None:
    old, new = wards
    old.live()
    archive = tmp_path / "ward.tar.gz"
    backup(old.parts, archive)
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "opened", filter="data")
    (tmp_path / "opened" / "console" / "clips" / "c1.flac").write_bytes(b"other")
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "opened", arcname=".")
    with pytest.raises(UserError, match=r"c1\.flac is not what was saved"):
        restore(new.parts, archive)
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(UserError, match="no backup, or damaged"):
        restore(new.parts, archive)
    assert new.parts.console is not None
    assert not new.parts.console.exists()
    assert not kafka_log.entries(new.kafka, ASSIGNMENTS)


def test_the_consoles_postgresql_comes_back_into_an_empty_one_alone(
    postgresql: Postgresql, tmp_path: Path
) -> None:
    for name in ("old", "new"):
        postgresql.run("createdb", name)
    postgresql.run("psql", "-c", "CREATE TABLE note (text TEXT)", "old")
    postgresql.run("psql", "-c", "INSERT INTO note VALUES ('seen')", "old")
    here = postgresql.url.removesuffix(postgresql.database)
    old, new = (Parts(None, None, None, f"{here}{name}") for name in ("old", "new"))
    archive = tmp_path / "ward.tar.gz"
    assert list(backup(old, archive).files) == ["postgresql.dump"]
    restore(new, archive)
    assert postgresql.run("psql", "-Atc", "SELECT text FROM note", "new") == "seen\n"
    with pytest.raises(UserError, match="database new is not empty"):
        restore(new, archive)
    with pytest.raises(UserError, match='database "missing" does not exist'):
        backup(old._replace(database_url=f"{here}missing"), archive)


def test_a_password_of_the_database_is_on_no_command_line(
    postgresql: Postgresql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "pg_dump").write_text('#!/bin/sh\necho "$0 $*" >&2\nexit 1\n')
    (tools / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    with pytest.raises(UserError) as refused:
        backup(Parts(None, None, None, postgresql.url), tmp_path / "ward.tar.gz")
    assert "pg_dump --format=custom" in str(refused.value)
    assert "p%40ss" not in str(refused.value)
    assert postgresql.password not in str(refused.value)
