"""A worker process for all tests of a module, and recordings to give it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile

from dashboards.console.people.access import Role
from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.intake import Belongs, take_in
from dashboards.console.recordings.models import Recording
from dashboards.console.recordings.worker import Worker
from tests.unit.dashboards.console.conftest import MakeUser

SAMPLE = Path("ingest/recordings/a0018.flac")

TakeIn = Callable[..., Recording]


@pytest.fixture(autouse=True)
def media(settings: LazySettings, tmp_path: Path) -> Path:
    """An empty storage of its own for each test."""
    folder = tmp_path / "media"
    settings.MEDIA_ROOT = folder
    return folder


@pytest.fixture(scope="session")
def _worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.end()


@pytest.fixture
def foreman(_worker: Worker, db: None) -> Foreman:  # noqa: ARG001 (asked for by its name)
    """With a worker process that is real, and shared by the tests."""
    made = Foreman("tests")
    made._worker = _worker
    _worker._each_turn = made._each_turn
    return made


@pytest.fixture
def take(make_user: MakeUser, django_capture_on_commit_callbacks: Any) -> TakeIn:
    """Take in one recording of a nurse in the ward west."""

    def take_one(name: str = SAMPLE.name, content: bytes | None = None, **more: str) -> Recording:
        content = SAMPLE.read_bytes() if content is None else content
        owner = make_user(Role.NURSE, "west")
        belongs = Belongs(owner, more.pop("ward", "west"), **more)
        with django_capture_on_commit_callbacks(execute=True):
            return take_in([SimpleUploadedFile(name, content)], belongs)

    return take_one


def stored(media: Path) -> list[Path]:
    """Every file that lies in the storage."""
    return [path for path in media.rglob("*") if path.is_file()]


def content(file: Any) -> bytes:
    with file.open("rb") as opened:
        return bytes(opened.read())
