"""Of who is erased nothing is left, whatever comes afterwards; of the others all."""

import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from dashboards.console.admissions import desk
from dashboards.console.admissions.identity import Identity, seal
from dashboards.console.admissions.models import Assignment, LimitsChange, Patient
from dashboards.console.audit.models import AuditEntry
from dashboards.console.history import clip_files
from dashboards.console.history.batches import Batch, Published, write
from dashboards.console.history.clip_keeper import ClipKeeper
from dashboards.console.history.influx_erasure import Worn
from dashboards.console.history.models import AlarmTransition, Clip, Erasure, Label, Note, Window
from dashboards.console.history.retention import Housekeeping, erase_before, kafka_forgets_at
from dashboards.console.history.sound import Sound
from dashboards.console.notifications.models import Rule
from dashboards.console.outbox.postman import Postman
from dashboards.console.people.access import Role
from dashboards.console.recordings import housekeeping
from dashboards.console.recordings.models import Examination, ExaminationChunk, Recording
from ingest.connections import KafkaConnection
from ingest.kafka_sink import MemorySink
from stream_processors import records
from stream_processors.records import decode
from stream_processors.topics import ALL, ASSIGNMENTS
from tests.servers import ROOT
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf, MakeUser
from tests.unit.dashboards.console.examples import NOW_US

pytestmark = pytest.mark.django_db

PATIENT, OTHER = "p-west-1", "p-west-2"
# Whatever of a person is typed somewhere, or that a device tells of them.
MARKS = ("Ann Other", "slept badly", "ann-other.wav", "aortic", "tachycardia_bpm", "HR 134")


@pytest.fixture(autouse=True)
def media(settings: LazySettings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def _live(bed: int) -> None:
    """All that the console can know of who lies in this bed of the ward west."""
    write(
        Batch(
            [Published(examples.result(bed), NOW_US)],
            [examples.event(bed, event_id=f"v{bed}", episode_id=f"e{bed}")],
            [examples.assignment(bed)],
        )
    )
    assignment = Assignment.objects.get(assignment_id=f"west-{bed}")
    desk.change_limits(assignment, {"tachycardia_bpm": 150.0}, "carl")
    clip = Clip.objects.get(episode_id=f"e{bed}")
    clip.file.save("clip.flac", ContentFile(b"sound"))
    of = {"device_id": f"dev-west-{bed}", "patient_id": f"p-west-{bed}", "ward": "west"}
    Note.objects.create(bed=str(bed), at_us=NOW_US, author="nina", text="slept badly", **of)
    said = {"said": "abnormal", "model": "screen", "version": "1", "verdict": "disagree"}
    Label.objects.create(
        episode_id=f"e{bed}", corrected="aortic", author="carl", clip=clip, **said, **of
    )


def _upload(program: Any, bed: int) -> str:
    form = {
        "files": ContentFile(b"RIFF0000WAVEfmt ", name="ann-other.wav"),
        "ward": "west",
        "patient_id": f"p-west-{bed}",
        "note": "slept badly",
    }
    answer = program.post("/api/v1/recordings", form)
    assert answer.status_code == 202, answer.content
    return str(answer.json()["id"])


def _texts() -> Iterator[tuple[str, str]]:
    """Every value of every row of every table, as text."""
    for model in apps.get_models():
        for row in model.objects.values():
            for field, value in row.items():
                is_bytes = isinstance(value, bytes | memoryview)
                text = bytes(value).decode(errors="replace") if is_bytes else str(value)
                yield f"{model.__name__}.{field}", text


def test_nothing_of_who_was_erased_is_in_any_table_or_file_and_all_of_the_others(
    program_of: ClientOf,
    make_user: MakeUser,
    django_capture_on_commit_callbacks: Any,
    media: Path,
) -> None:
    program = program_of(Role.CLINICIAN, "west")
    Rule.objects.create(name="desk", channel="mail", address="d@example.org", priority="low")
    for bed in (1, 2):
        _live(bed)
        ident = _upload(program, bed)
        examined = Examination.objects.create(
            owner=make_user(Role.NURSE, "west"), patient_id=f"p-west-{bed}", sample_rate_hz=4000
        )
        ExaminationChunk.objects.create(examination=examined, first_sample=0, pcm=b"\0\1")
        program.get(f"/api/v1/recordings/{ident}")
    Patient.objects.update(sealed_identity=seal(Identity(name="Ann Other")))
    kept_before = _of_other()
    desk.discharge(Assignment.objects.get(assignment_id="west-1"))
    Postman(MemorySink()).step()

    with django_capture_on_commit_callbacks(execute=True):
        call_command("erase", patient=PATIENT)
    Postman(MemorySink()).step()  # what the erasing itself tells

    left = {place for place, text in _texts() if PATIENT in text}
    assert left <= {
        "Patient.pseudonym",
        "Erasure.pseudonym",
        "AuditEntry.subject",
        "Outgoing.value",
    }
    told = [text for place, text in _texts() if place == "Outgoing.value" and PATIENT in text]
    assert all("tachycardia" not in text for text in told)
    assert _of_other() == kept_before
    assert {Path(path).parts[1] for path in _files(media)} == {
        "dev-west-2",
        str(Recording.objects.get().pk),
    }
    assert Patient.objects.get(pseudonym=PATIENT).sealed_identity is None
    of_audit = [text for place, text in _texts() if place.startswith("AuditEntry")]
    assert not [text for text in of_audit if any(mark in text for mark in MARKS)]


def _of_other() -> dict[str, int]:
    """How many rows name the other patient, or what is known of them."""
    found: dict[str, int] = {}
    for place, text in _texts():
        if OTHER in text and not place.startswith("Outgoing"):
            found[place] = found.get(place, 0) + 1
    return found


def _files(media: Path) -> list[str]:
    return [str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()]


def test_who_is_known_by_an_upload_alone_is_erased_too(program_of: ClientOf) -> None:
    _upload(program_of(Role.NURSE, "west"), 7)
    call_command("erase", patient="p-west-7")
    assert not Recording.objects.exists()
    with pytest.raises(CommandError, match="nothing was known of a patient nobody"):
        call_command("erase", patient="nobody")


def test_what_comes_late_of_the_time_before_is_not_stored_again() -> None:
    _live(1)
    desk.discharge(Assignment.objects.get(assignment_id="west-1"))
    call_command("erase", patient=PATIENT)
    late = Batch(
        [Published(examples.result(index=11), NOW_US), Published(examples.result(2), NOW_US)],
        [examples.event(event_id="ended", transition="ended")],
        [examples.assignment()],
    )
    write(late)
    assert [window.patient_id for window in Window.objects.all()] == [OTHER]
    assert not AlarmTransition.objects.exists()
    again_us = NOW_US + 3600 * 1_000_000
    write(Batch([Published(examples.result(index=12, start_us=again_us), again_us)], [], []))
    assert Window.objects.filter(patient_id=PATIENT).count() == 1, "who comes back is watched again"


def test_the_limits_of_who_was_erased_are_taken_back_from_kafka_too() -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    desk.change_limits(made, {"tachycardia_bpm": 150.0}, "carl")
    desk.discharge(made)
    sink = MemorySink()
    Postman(sink).step()
    call_command("erase", patient="p1")
    Postman(sink).step()
    last = [one for one in sink.stored if one.topic == ASSIGNMENTS.name][-1]
    told = decode(records.Assignment, last.value or b"")
    assert (told.limits, told.until_us is None) == ({}, False)
    assert not LimitsChange.objects.exists()


class ErasingFinder:
    """Finds a second of silence, of somebody who is erased just then."""

    def raw(self, *_: Any) -> Sound:
        Clip.objects.all().delete()
        return Sound(np.zeros(2000, np.int16), 2000, 0, 0.0)


def test_what_others_write_while_a_patient_is_erased_is_held_off_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PostgreSQL shows others nothing of a transaction before it ends, so it must not be in it."""
    seen = []

    def looks(_: str) -> Any:
        seen.append(Erasure.objects.filter(pseudonym=PATIENT).exists())
        raise InterruptedError

    monkeypatch.setattr("dashboards.console.history.management.commands.erase.erase_patient", looks)
    with pytest.raises(InterruptedError):
        call_command("erase", patient=PATIENT)
    assert seen == [True]
    assert Erasure.objects.filter(pseudonym=PATIENT).exists(), "it was part of the transaction"


def test_a_clip_that_is_erased_while_it_is_kept_does_not_come_back(media: Path) -> None:
    Clip.objects.create(episode_id="e1", device_id="d", from_us=0, until_us=1)
    keeper = ClipKeeper(KafkaConnection.model_construct(servers="nowhere"), who="this")
    keeper._finder = ErasingFinder()  # type: ignore[assignment]
    keeper.step(NOW_US)
    assert not Clip.objects.exists()
    assert _files(media) == []


def test_erasing_again_ends_what_was_broken_off_before_the_files_were_gone(media: Path) -> None:
    for bed in (1, 2):
        _live(bed)
    desk.discharge(Assignment.objects.get(assignment_id="west-1"))
    # As if the process had been killed between the rows and the files.
    Clip.objects.filter(patient_id=PATIENT).delete()
    assert len(_files(media)) == 2
    call_command("erase", patient=PATIENT)
    assert [Path(path).parts[1] for path in _files(media)] == ["dev-west-2"]


def test_a_file_that_is_just_being_kept_is_no_stray(media: Path) -> None:
    clip = Clip.objects.create(episode_id="e1", device_id="d", from_us=0, until_us=1)
    clip.file.save("clip.flac", ContentFile(b"sound"), save=False)
    assert clip_files.sweep(timezone.now()) == 0
    assert clip_files.sweep(timezone.now() + timedelta(hours=2)) == 1
    assert _files(media) == []


def test_files_from_before_this_database_are_anothers(media: Path) -> None:
    """A console that was started with an empty database must not empty the storage."""
    for folder in ("clips/dev-west-1", f"recordings/{uuid.uuid4()}"):
        (media / folder).mkdir(parents=True)
        kept = media / folder / "6f1c1e9e-clip.flac"
        kept.write_bytes(b"sound")
        os.utime(kept, (0, 0))
    assert clip_files.sweep(timezone.now()) == 0
    assert housekeeping.sweep(timezone.now()) == 0
    assert len(_files(media)) == 2


def _away(*_: object) -> None:
    raise OSError("the storage is away")


def test_a_storage_that_is_away_does_not_end_the_writing_of_the_history(
    media: Path, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    clip = Clip.objects.create(episode_id="e1", device_id="d", from_us=0, until_us=1, state="kept")
    clip.file.save("clip.flac", ContentFile(b"sound"))
    with monkeypatch.context() as broken:
        for name in ("delete", "listdir"):
            broken.setattr(f"django.core.files.storage.FileSystemStorage.{name}", _away)
        with django_capture_on_commit_callbacks(execute=True):
            Housekeeping().step(NOW_US / 1e6)
    assert not Clip.objects.exists()
    assert len(_files(media)) == 1
    ClipKeeper(KafkaConnection.model_construct(servers="nowhere"), who="this").sweep(NOW_US / 1e6)
    assert _files(media) == []


def test_identities_go_by_age_once_their_patients_have_left() -> None:
    day_us = 86_400 * 1_000_000
    for bed, until_us in ((1, NOW_US - 100 * day_us), (2, NOW_US - day_us), (3, None)):
        write(Batch([], [], [examples.assignment(bed, until_us=until_us)]))
    Patient.objects.update(
        sealed_identity=seal(Identity(name="Ann Other")),
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert erase_before(NOW_US - 90 * day_us).identities == 1
    known = Patient.objects.filter(sealed_identity__isnull=False)
    assert sorted(known.values_list("pseudonym", flat=True)) == [OTHER, "p-west-3"]


def test_kafka_has_forgotten_no_sooner_than_its_longest_kept_topic() -> None:
    longest_s = max(topic.retention_ms or 0 for topic in ALL) / 1000
    told = kafka_forgets_at(1_000_000.0)
    assert told >= datetime.fromtimestamp(1_000_000.0 + longest_s, UTC)


def test_a_database_that_is_away_meanwhile_leaves_all_or_nothing_and_no_word_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _live(1)
    desk.discharge(Assignment.objects.get(assignment_id="west-1"))

    def away(_pseudonym: str) -> dict[str, int]:
        raise OSError("no space left")

    monkeypatch.setattr("dashboards.console.lib.erasers.erase_patient", away)
    with pytest.raises(OSError, match="no space left"):
        call_command("erase", patient=PATIENT)
    assert Window.objects.filter(patient_id=PATIENT).exists()
    assert not AuditEntry.objects.filter(action="erase").exists()
    monkeypatch.undo()
    call_command("erase", patient=PATIENT)
    assert AuditEntry.objects.get(action="erase").subject == PATIENT


def _erased_from_influx(monkeypatch: pytest.MonkeyPatch) -> list[Worn]:
    """What a database would be asked to erase, which is there for once."""
    monkeypatch.setenv("HEARTWARD_INFLUX_URL", "http://127.0.0.1:9")
    asked: list[Worn] = []
    where = "dashboards.console.history.management.commands.erase.erase_worn"
    monkeypatch.setattr(where, lambda _influx, worn: asked.append(worn))
    return asked


def test_of_influxdb_that_time_goes_in_which_the_patient_wore_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hour_us = 3_600_000_000
    began_us = NOW_US - 5 * hour_us
    told = [
        examples.assignment(1, from_us=began_us, until_us=began_us + 2 * hour_us),
        # Somebody else had the device an hour before the first is said to have given it back.
        examples.assignment(assignment_id="next", patient_id=OTHER, from_us=began_us + hour_us),
        examples.assignment(2, from_us=began_us, until_us=began_us + hour_us),
    ]
    write(Batch([], [], told))
    asked = _erased_from_influx(monkeypatch)
    call_command("erase", patient=PATIENT)
    end_us = began_us + hour_us
    assert asked == [Worn("dev-west-1", "west", "1", began_us, end_us, end_us)]


def test_with_influxdb_nothing_is_erased_while_a_device_may_still_send_what_it_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _live(1)
    desk.discharge(Assignment.objects.get(assignment_id="west-1"))
    asked = _erased_from_influx(monkeypatch)
    with pytest.raises(CommandError, match="may still send what it kept of p-west-1"):
        call_command("erase", patient=PATIENT)
    assert Window.objects.filter(patient_id=PATIENT).exists()
    Assignment.objects.update(until_us=NOW_US - 16 * 60_000_000)
    call_command("erase", patient=PATIENT)
    assert [worn.device_id for worn in asked] == ["dev-west-1"]


_LIVE = """
import django; django.setup()
from django.core.management import call_command
from dashboards.console.history.models import Note
call_command("migrate", verbosity=0)
of = {"ward": "west", "bed": "1", "at_us": 1, "author": "nina"}
for patient in ("p1", "p2"):
    for number in range(50):
        Note.objects.create(patient_id=patient, text=f"{patient} slept badly {number}", **of)
"""


@pytest.mark.skipif("HEARTWARD_TEST_DATABASE_URL" in os.environ, reason="the files are SQLite's")
def test_what_was_erased_is_in_no_corner_of_the_files_of_a_database_that_is_in_use(
    tmp_path: Path,
) -> None:
    def run(*command: str) -> str:
        own = {k: v for k, v in os.environ.items() if not k.startswith("HEARTWARD_")}
        own["HEARTWARD_CONSOLE_FOLDER"] = str(tmp_path)
        own["DJANGO_SETTINGS_MODULE"] = "dashboards.console.settings"
        return subprocess.check_output([sys.executable, *command], cwd=ROOT, env=own, text=True)

    run("-c", _LIVE)
    with closing(sqlite3.connect(tmp_path / "console.sqlite3")) as console:
        assert console.execute("SELECT count(*) FROM history_note").fetchone() == (100,)
        erase = ("-m", "dashboards.console.manage", "erase", "--patient", "p1")
        console.execute("BEGIN")
        console.execute("SELECT count(*) FROM history_note").fetchone()
        assert "being read: run this again" in run(*erase)
        console.execute("COMMIT")
        assert "being read" not in run(*erase)
        content = b"".join(path.read_bytes() for path in tmp_path.glob("console.sqlite3*"))
    assert b"p2 slept badly" in content
    assert b"p1 slept badly" not in content
