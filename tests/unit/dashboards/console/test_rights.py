"""Every address of the interface and every page: who may not, gets nothing and changes nothing."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import get_resolver

from dashboards.console.admissions import desk
from dashboards.console.audit.models import AuditEntry
from dashboards.console.history import batches
from dashboards.console.history.models import Clip
from dashboards.console.history.sound import Sound, as_flac
from dashboards.console.live.room import Room
from dashboards.console.outbox.models import Outgoing
from dashboards.console.people.access import Role
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import NOW_US, fill

pytestmark = pytest.mark.django_db

EAST = "dev-east-1"


@pytest.fixture
def east(room: Room, db: None) -> Room:  # noqa: ARG001 (asked for by its name)
    """A ward east with a bed, an alarm and a clip, and a ward west with a bed."""
    fill(room, ("east", 1), ("west", 1))
    examples.raise_alarm(room, examples.alarm_state(examples.episode(), ward="east"))
    for ward in ("east", "west"):
        desk.mirror(examples.assignment(ward=ward))
    batches.write(
        batches.Batch(
            [batches.Published(examples.result(ward="east"), NOW_US)],
            [examples.event(ward="east", strip=examples.result().strip)],
            [],
        )
    )
    Outgoing.objects.all().delete()
    return room


def _body(client: Client, method: str, path: str, body: Any = None) -> Any:
    data = json.dumps(body) if body is not None else None
    return client.generic(method, path, data or "", content_type="application/json")


ACTION = {"device_id": EAST, "action": "acknowledge", "episode_id": "e1"}
ADMIT = {"device_id": "dev-new", "patient_id": "p9", "ward": "east", "bed": "9"}
TAKE = {"device_id": EAST, "patient_id": "p9", "ward": "west", "bed": "9"}
REFUSED_ELSEWHERE = [
    ("GET", f"/api/v1/beds/{EAST}", None),
    ("GET", f"/api/v1/beds/{EAST}/sound", None),
    ("GET", f"/api/v1/beds/{EAST}/trend", None),
    ("GET", f"/api/v1/beds/{EAST}/feed", None),
    ("GET", "/api/v1/alarms/e1/strip", None),
    ("POST", "/api/v1/alarms/actions", ACTION),
    ("POST", "/api/v1/notes", {"device_id": EAST, "text": "x"}),
    ("POST", "/api/v1/labels", {"episode_id": "e1", "verdict": "agree"}),
    ("POST", "/api/v1/labels", {"device_id": EAST, "at_us": NOW_US, "verdict": "agree"}),
    ("POST", "/api/v1/assignments", ADMIT),
    ("POST", "/api/v1/assignments", TAKE),
    ("POST", "/api/v1/assignments/east-1/move", {"ward": "west", "bed": "2"}),
    ("POST", "/api/v1/assignments/west-1/move", {"ward": "east", "bed": "2"}),
    ("POST", "/api/v1/assignments/east-1/discharge", None),
    ("PUT", "/api/v1/assignments/east-1/limits", {"limits": {"tachycardia_bpm": 150}}),
    ("GET", "/api/v1/users", None),
    ("POST", "/api/v1/users", {"username": "eve", "password": "long enough 17"}),
    ("GET", "/api/v1/users/1", None),
    ("PATCH", "/api/v1/users/1", {"is_active": False}),
    ("GET", "/api/v1/models", None),
    ("GET", "/fhir/Observation/dev-east-1-7-10-rate", None),
    ("GET", f"/beds/{EAST}/", None),
    ("POST", "/admissions/assignments/east-1/discharge/", None),
    ("POST", "/admissions/assignments/east-1/move/", None),
    ("GET", "/admissions/assignments/east-1/limits/", None),
    ("POST", "/admissions/assignments/east-1/limits/", None),
    ("GET", "/admissions/patients/p-east-1/", None),
    ("GET", "/users/", None),
    ("GET", "/notifications/", None),
]
LISTS = [
    *("/api/v1/beds", "/api/v1/alarms", "/api/v1/results", "/api/v1/minutes", "/api/v1/notes"),
    *("/api/v1/alarms/history", "/api/v1/clips", "/api/v1/labels", "/api/v1/devices"),
    *("/api/v1/patients", "/api/v1/assignments", "/fhir/Observation", "/history/alarms/"),
    *("/history/handover/?ward=east", "/admissions/", "/audit/"),
]


@pytest.mark.parametrize(("method", "path", "body"), REFUSED_ELSEWHERE)
@pytest.mark.usefixtures("east")
def test_an_administrator_of_one_ward_gets_at_nothing_of_another(
    program_of: ClientOf, client_of: ClientOf, method: str, path: str, body: Any
) -> None:
    is_program = path.startswith(("/api", "/fhir"))
    client = (program_of if is_program else client_of)(Role.ADMIN, "west", raw=True)
    answer = _body(client, method, path, body)
    assert answer.status_code in (403, 404), answer.content
    assert not Outgoing.objects.exists()
    assert not AuditEntry.objects.filter(subject__in=(EAST, "east-1", "e1")).exists()


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.usefixtures("east")
def test_no_list_shows_another_ward(program_of: ClientOf, client_of: ClientOf, path: str) -> None:
    is_program = path.startswith(("/api", "/fhir"))
    of = program_of if is_program else client_of
    hidden = of(Role.ADMIN, "west").get(path)
    assert hidden.status_code == 200
    assert b"east-1" not in hidden.content


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.usefixtures("east")
def test_every_list_shows_ones_own_ward(
    program_of: ClientOf, client_of: ClientOf, path: str
) -> None:
    is_program = path.startswith(("/api", "/fhir"))
    shown = (program_of if is_program else client_of)(Role.ADMIN, "east").get(path)
    assert shown.status_code == 200
    empty_yet = ("/api/v1/notes", "/api/v1/labels", "/audit/")
    assert (b"east-1" in shown.content) is (path not in empty_yet)


def _addresses() -> list[str]:
    """One address of each route, whatever its parts are called."""
    found: list[str] = []

    def walk(patterns: Any, before: str) -> None:
        for pattern in patterns:
            path = before + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, path)
            else:
                found.append(path)

    walk(get_resolver().url_patterns, "/")
    return found


def _filled(path: str) -> str:
    uuid = "00000000-0000-0000-0000-000000000000"
    for part in ("device_id", "episode_id", "assignment_id", "pseudonym", "identity"):
        path = path.replace(f"<str:{part}>", "x")
    return re.sub(r"<uuid:\w+>", uuid, path).replace("<int:number>", "1").replace("<int:pk>", "1")


# What tells of no patient: how to log in, whether all is well, and how the interface is used.
OPEN = (
    *("/login/", "/logout/", "/api/v1/health", "/api/v1/openapi", "/api/v1/"),
    "/fhir/metadata",
)


@pytest.mark.parametrize("path", [p for p in map(_filled, _addresses()) if p not in OPEN])
@pytest.mark.usefixtures("room")
def test_who_is_not_logged_in_sees_nothing(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code in (302, 401, 403, 405), path
    if answer.status_code == 302:
        assert answer.url.startswith("/login/")


@pytest.mark.parametrize("path", [*LISTS, "/", f"/beds/{EAST}/"])
@pytest.mark.usefixtures("east")
def test_who_was_granted_nothing_sees_nothing(client_of: ClientOf, path: str) -> None:
    answer = client_of(None).get(path)
    assert answer.status_code == 403
    assert b"east-1" not in answer.content


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/alarms/actions", ACTION),
        ("/api/v1/notes", {"device_id": EAST, "text": "x"}),
        ("/api/v1/assignments", ADMIT),
    ],
)
@pytest.mark.usefixtures("east")
def test_a_viewer_changes_nothing(program_of: ClientOf, path: str, body: dict[str, str]) -> None:
    assert _body(program_of(Role.VIEWER, "east"), "POST", path, body).status_code == 403
    assert not Outgoing.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/v1/assignments/east-1/limits", {"limits": {}}),
        ("POST", "/api/v1/labels", {"episode_id": "e1", "verdict": "agree"}),
        ("GET", f"/api/v1/beds/{EAST}/sound", None),
    ],
)
@pytest.mark.usefixtures("east")
def test_a_nurse_sets_no_limits_labels_nothing_and_does_not_listen(
    program_of: ClientOf, method: str, path: str, body: Any
) -> None:
    assert _body(program_of(Role.NURSE, "east"), method, path, body).status_code == 403


@pytest.fixture
def clip(east: Room, settings: LazySettings, tmp_path: Path) -> Clip:  # noqa: ARG001 (its alarm)
    """A second of a tone of 100 Hz and one of 15 Hz, raw, around the alarm in the ward east."""
    settings.MEDIA_ROOT = tmp_path
    kept: Clip = Clip.objects.get()
    at_s = np.arange(2000) / 2000
    tones = np.sin(2 * np.pi * 100 * at_s) + np.sin(2 * np.pi * 15 * at_s)
    sound = Sound((8000 * tones).astype(np.int16), 2000, kept.from_us, 0.0)
    kept.file.save("clip.flac", ContentFile(as_flac(sound)), save=False)
    kept.state = "kept"
    kept.save()
    return kept


def test_raw_sound_is_for_those_alone_who_have_that_right(program_of: ClientOf, clip: Clip) -> None:
    admin = program_of(Role.ADMIN, "east")
    assert admin.get(f"/api/v1/beds/{EAST}/sound?kind=raw").status_code == 403
    assert admin.get(f"/api/v1/clips/{clip.pk}/sound").status_code == 403
    assert admin.get(f"/api/v1/clips/{clip.pk}/sound?kind=raw").status_code == 403
    assert not AuditEntry.objects.filter(action="listen raw").exists()


def test_a_clinician_hears_a_kept_event_filtered_and_it_is_written_down(
    program_of: ClientOf, clip: Clip
) -> None:
    answer = program_of(Role.CLINICIAN, "east").get(f"/api/v1/clips/{clip.pk}/sound?kind=filtered")
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content))
    bins = np.abs(np.fft.rfft(samples))[: len(samples) // 2 + 1]
    level_at = dict(zip(np.fft.rfftfreq(len(samples), 1 / rate_hz), bins, strict=True))
    assert level_at[15.0] < 0.1 * level_at[100.0], "what lies below the heart is filtered out"
    entry = AuditEntry.objects.get(action="listen")
    assert (entry.subject, entry.ward) == (EAST, "east")


@pytest.mark.parametrize("kind", ["raw", "filtered"])
def test_a_kept_event_is_not_heard_in_another_ward_nor_by_a_nurse(
    program_of: ClientOf, clip: Clip, kind: str
) -> None:
    address = f"/api/v1/clips/{clip.pk}/sound?kind={kind}"
    assert program_of(Role.ADMIN, "west", raw=True).get(address).status_code == 404
    assert program_of(Role.NURSE, "east").get(address).status_code == 403
    assert not AuditEntry.objects.filter(action__startswith="listen").exists()


@pytest.mark.usefixtures("east")
def test_the_name_of_a_ward_that_is_no_ones_gives_nothing_away(program_of: ClientOf) -> None:
    west = program_of(Role.ADMIN, "west")
    there = west.get(f"/api/v1/beds/{EAST}")
    nowhere = west.get("/api/v1/beds/dev-nowhere")
    assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content)
