"""A live examination: the same windows as of the file it becomes."""

import json
from typing import Any

import numpy as np
import pytest
from django.test import Client

from dashboards.console.people.access import Role
from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.models import Examination, ExaminationChunk, Recording
from models.sound_file import read_sound
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.recordings.conftest import SAMPLE

pytestmark = pytest.mark.django_db

_RATE_HZ = 4000
_URL = "/api/v1/examinations"


@pytest.fixture(scope="module")
def pcm() -> bytes:
    """Fourteen seconds of a real heart, as 4000 samples a second."""
    samples, rate_hz = read_sound(SAMPLE)
    doubled: Any = np.repeat(samples[: 14 * rate_hz], _RATE_HZ // rate_hz)
    return bytes(doubled.astype("<i2").tobytes())


def _post(client: Client, path: str, body: Any) -> Any:
    return client.post(_URL + path, json.dumps(body), content_type="application/json")


def _begin(client: Client, ward: str = "west") -> str:
    answer = _post(client, "", {"ward": ward, "sample_rate_hz": _RATE_HZ})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def _send(client: Client, key: str, first: int, pcm: bytes, known: int = 0) -> Any:
    path = f"{_URL}/{key}/sound?first_sample={first}&windows_known={known}"
    return client.post(path, pcm, content_type="application/octet-stream")


def _stream(client: Client, key: str, pcm: bytes, piece_s: float) -> list[Any]:
    windows: list[Any] = []
    size = round(piece_s * _RATE_HZ) * 2
    for first in range(0, len(pcm), size):
        answer = _send(client, key, first // 2, pcm[first : first + size], len(windows))
        assert answer.status_code == 200, answer.content
        windows += answer.json()["windows"]
    return windows


def test_the_live_findings_are_those_of_the_saved_recording(
    program_of: ClientOf, foreman: Foreman, pcm: bytes
) -> None:
    nurse = program_of(Role.NURSE, "west")
    key = _begin(nurse)
    windows = _stream(nurse, key, pcm, 0.7)
    saved = _post(nurse, f"/{key}/save", {"note": "sitting"})
    assert saved.status_code == 202
    assert foreman.step()
    answer = Recording.objects.get(pk=saved.json()["id"]).answer["file"]
    assert [window["start_s"] for window in windows] == [0.0, 2.5, 5.0, 7.5]
    for model in ("screen", "valve"):
        live = [
            [finding["probabilities"][label] for label in sorted(finding["probabilities"])]
            for window in windows
            for finding in window["findings"]
            if finding["model"] == model
        ]
        own = answer["models"][model]["windows"]
        stored = [
            [window["probabilities"][label] for label in sorted(window["probabilities"])]
            for window in own
        ]
        assert np.allclose(live, stored, atol=1e-6)
    verdicts = [window["verdict"] for window in answer["quality"]["windows"]]
    assert [window["quality"]["verdict"] for window in windows] == verdicts


def test_a_piece_that_comes_twice_is_kept_once(program_of: ClientOf, pcm: bytes) -> None:
    nurse = program_of(Role.NURSE, "west")
    key = _begin(nurse)
    for _ in range(2):
        assert _send(nurse, key, 0, pcm[:8000]).json()["samples"] == 4000
    assert ExaminationChunk.objects.count() == 1


def test_a_piece_that_leaves_a_hole_is_refused_and_told_where_to_go_on(
    program_of: ClientOf, pcm: bytes
) -> None:
    nurse = program_of(Role.NURSE, "west")
    key = _begin(nurse)
    _send(nurse, key, 0, pcm[:8000])
    answer = _send(nurse, key, 5000, pcm[:8000])
    assert answer.status_code == 400
    assert "goes on at sample 4000" in str(answer.json()["detail"])


def test_what_is_discarded_is_gone_and_what_is_saved_is_saved_once(
    program_of: ClientOf, pcm: bytes
) -> None:
    nurse = program_of(Role.NURSE, "west")
    gone, kept = _begin(nurse), _begin(nurse)
    for key in (gone, kept):
        _stream(nurse, key, pcm, 2.0)
    assert nurse.delete(f"{_URL}/{gone}").status_code == 204
    assert _post(nurse, f"/{kept}/save", {}).status_code == 202
    assert _post(nurse, f"/{kept}/save", {}).status_code == 404
    assert not Examination.objects.exists()
    assert not ExaminationChunk.objects.exists()
    assert Recording.objects.count() == 1


def test_after_ten_minutes_no_more_is_taken(program_of: ClientOf, pcm: bytes) -> None:
    nurse = program_of(Role.NURSE, "west")
    key = _begin(nurse)
    Examination.objects.update(samples=600 * _RATE_HZ)
    answer = _send(nurse, key, 600 * _RATE_HZ, pcm[:8000], known=239)
    assert answer.json() == {"samples": 600 * _RATE_HZ, "is_full": True, "windows": []}
    assert not ExaminationChunk.objects.exists()


def test_nobody_gets_at_the_examination_of_somebody_else(program_of: ClientOf, pcm: bytes) -> None:
    key = _begin(program_of(Role.NURSE, "west"))
    for other in (program_of(Role.ADMIN), program_of(Role.NURSE, "east")):
        assert _send(other, key, 0, pcm[:800]).status_code == 404
        assert other.delete(f"{_URL}/{key}").status_code == 404
        assert _post(other, f"/{key}/save", {}).status_code == 404
    assert Examination.objects.count() == 1


@pytest.mark.parametrize(("role", "ward"), [(Role.VIEWER, "west"), (Role.NURSE, "east")])
def test_who_may_not_upload_may_not_examine(program_of: ClientOf, role: Role, ward: str) -> None:
    answer = _post(program_of(role, ward), "", {"ward": "west", "sample_rate_hz": _RATE_HZ})
    assert answer.status_code == 403


@pytest.mark.parametrize("query", ["first_sample=-1", "first_sample=x", "windows_known=1e9"])
def test_a_number_that_is_none_is_refused(program_of: ClientOf, query: str) -> None:
    nurse = program_of(Role.NURSE, "west")
    path = f"{_URL}/{_begin(nurse)}/sound?{query}"
    answer = nurse.post(path, b"\0\0", content_type="application/octet-stream")
    assert answer.status_code == 400
