"""What is sent again, because nobody can know whether it has come, is kept once."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from dashboards.console.people.access import Role
from dashboards.console.recordings import intake
from dashboards.console.recordings.models import Job, Recording
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.recordings.conftest import SAMPLE, stored
from tests.unit.dashboards.console.recordings.uploads import upload

pytestmark = pytest.mark.django_db

FILE = (SAMPLE.name, SAMPLE.read_bytes())


def test_an_upload_that_is_sent_again_is_kept_once(client_of: ClientOf, media: Path) -> None:
    client, key = client_of(Role.NURSE, "west"), str(uuid.uuid4())
    answers = [upload(client, [FILE], ward="west", id=key) for _ in range(2)]
    assert [(answer.status_code, answer.json()["id"]) for answer in answers] == [(202, key)] * 2
    assert Recording.objects.count() == Job.objects.count() == len(stored(media)) == 1


def test_two_that_come_at_once_are_one(
    client_of: ClientOf, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has looked before the first is stored."""
    client, key = client_of(Role.NURSE, "west"), str(uuid.uuid4())
    upload(client, [FILE], ward="west", id=key)
    look, looks = intake._taken_before, []

    def blind_at_first(*given: Any) -> Recording | None:
        looks.append(given)
        return look(*given) if len(looks) > 1 else None

    monkeypatch.setattr(intake, "_taken_before", blind_at_first)
    assert upload(client, [FILE], ward="west", id=key).json()["id"] == key
    assert len(looks) == 2
    assert Recording.objects.count() == Job.objects.count() == len(stored(media)) == 1


def test_an_id_of_somebody_else_is_refused_and_tells_nothing(
    client_of: ClientOf, media: Path
) -> None:
    key = str(uuid.uuid4())
    upload(client_of(Role.NURSE, "west"), [FILE], ward="west", id=key)
    answer = upload(client_of(Role.NURSE, "east"), [FILE], ward="east", id=key)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "draw another id for this upload"}
    assert len(stored(media)) == 1
