"""The interface's document against what the interface really answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from dashboards.console.admissions import desk
from dashboards.console.admissions.models import Assignment
from dashboards.console.history.batches import Batch, Published, write
from dashboards.console.history.models import Clip
from dashboards.console.live.hub import Interest
from dashboards.console.live.room import Room
from dashboards.console.people.access import Role
from dashboards.console.recordings.models import Recording
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import NOW_US, fill

pytestmark = pytest.mark.django_db

_DOCUMENT = SchemaGenerator().get_schema(request=None, public=True)
_RESULT = "dev-west-1-7-10-rate"
_KNOWN = {
    "device_id": "dev-west-1",
    "assignment_id": "west-1",
    "episode_id": "e1",
    "identity": _RESULT,
}
_BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/alarms/actions": {"device_id": "dev-west-1", "action": "acknowledge"},
    "/api/v1/assignments": {
        "device_id": "dev-new",
        "patient_id": "p9",
        "ward": "west",
        "bed": "9",
    },
    "/api/v1/assignments/{assignment_id}/limits": {"limits": {"tachycardia_bpm": 150}},
    "/api/v1/assignments/{assignment_id}/move": {"ward": "west", "bed": "3"},
    "/api/v1/devices": {"device_id": "dev-other", "note": "a spare one"},
    "/api/v1/examinations": {"sample_rate_hz": 4000},
    "/api/v1/labels": {"episode_id": "e1", "verdict": "agree"},
    "/api/v1/notes": {"device_id": "dev-west-1", "text": "slept well"},
    "/api/v1/users": {"username": "eve", "password": "a long enough one 7"},
    "/api/v1/users/{id}": {"is_active": True},
}
# What needs sound, a Kafka or a browser's form; other tests ask for it.
_ELSEWHERE = re.compile(r"/feed$|/sound$|/examinations/|recordings_upload|/recordings/\{|/strip$")


def _operations() -> Iterator[tuple[str, str]]:
    for path, of_path in _DOCUMENT["paths"].items():
        for method, operation in of_path.items():
            if not any(_ELSEWHERE.search(name) for name in (path, operation["operationId"])):
                yield method, path


@pytest.fixture
def program(
    room: Room,
    program_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
    settings: LazySettings,
    tmp_path: Path,
) -> Client:
    """An administrator of a ward of which there is something of everything."""
    settings.MEDIA_ROOT = tmp_path
    fill(room, ("west", 1))
    examples.raise_alarm(room, examples.alarm_state(examples.episode()))
    write(
        Batch(
            [Published(examples.result(), NOW_US)],
            [examples.event(strip=examples.result().strip)],
            [examples.assignment()],
        )
    )
    Clip.objects.get().file.save("clip.flac", ContentFile(b"sound"))
    program_of(Role.VIEWER, "west")  # somebody whose rights are changed
    made = program_of(Role.ADMIN, raw=True)
    monkeypatch.setattr("dashboards.console.api.live_views._STORED_WITHIN_S", 0.0)
    made.post("/api/v1/notes", _BODIES["/api/v1/notes"], content_type="application/json")
    made.post("/api/v1/labels", _BODIES["/api/v1/labels"], content_type="application/json")
    worn = Assignment.objects.get(assignment_id="west-1")
    desk.change_limits(worn, {"tachycardia_bpm": 140.0}, "carl")
    Recording.objects.create(name="heart.wav", kind="wav", size_bytes=1, ward="west")
    return made


@pytest.mark.parametrize(("method", "path"), tuple(_operations()))
def test_an_answer_is_what_the_document_says(
    program: Client, room: Room, method: str, path: str
) -> None:
    assert room.filled.is_set()
    answer = program.generic(
        method.upper(),
        _address(path),
        json.dumps(_BODIES[path]) if method != "get" and path in _BODIES else "",
        content_type="application/json",
    )
    responses = _DOCUMENT["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, (answer.status_code, answer.content)
    assert answer.status_code < 400, answer.content
    media = responses[str(answer.status_code)].get("content", {})
    if not media:
        assert answer.content == b""
        return
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind in media, f"{kind} is none of {sorted(media)}"
    jsonschema.validate(answer.json(), _strict(media[kind]["schema"]))


def test_the_list_of_each_kind_is_not_empty_so_that_its_rows_are_looked_at(
    program: Client,
) -> None:
    asked = {
        path: of.get("get", {}).get("parameters", ()) for path, of in _DOCUMENT["paths"].items()
    }
    lists = [path for path, given in asked.items() if "limit" in {one["name"] for one in given}]
    assert len(lists) >= 10
    for path in lists:
        assert program.get(path).json()["count"] >= 1, path


def _address(path: str) -> str:
    somebody = get_user_model().objects.get(username="viewer-west")
    for name, value in (*_KNOWN.items(), ("id", str(somebody.pk))):
        path = path.replace("{" + name + "}", value)
    return path


def _strict(schema: Any) -> Any:
    """With all that it refers to, and no field that is not told of."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _strict(_DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    made = {name: _strict(value) for name, value in schema.items()}
    if "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


def test_the_feed_is_described_for_other_clients_as_it_speaks(room: Room) -> None:
    fill(room, ("west", 1))
    seen = room.snapshot(Interest(wards=None, unassigned=True))
    snapshot = json.loads(msgspec.json.encode(seen))
    told = _strict(_DOCUMENT["components"]["schemas"]["Snapshot"])
    jsonschema.validate(snapshot, told)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(snapshot | {"beds": [{"device_id": 1}]}, told)
    operation = _DOCUMENT["paths"]["/api/v1/feed"]["get"]
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    for event in ("snapshot", "bed", "strip", "pipeline", "gone", "pulse"):
        assert f"`{event}`" in operation["description"]
