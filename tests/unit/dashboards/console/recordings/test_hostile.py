"""Files that are no recordings: a clear message each, the worker alive, nothing kept of them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dashboards.console.people.access import Role
from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.models import Job, Recording, SourceFile, State
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.recordings.conftest import SAMPLE, stored
from tests.unit.dashboards.console.recordings.hostile import hostile_files, sound
from tests.unit.dashboards.console.recordings.uploads import upload

_MOST_WORDS = 45

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker_lives(foreman: Foreman) -> Iterator[None]:
    foreman._worker.start()
    before = foreman.worker_pid
    yield
    assert foreman.worker_pid == before


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("worker_lives")
def test_two_hundred_hostile_files_get_a_clear_message_each_and_leave_nothing(
    program_of: ClientOf,
    foreman: Foreman,
    media: Path,
    django_capture_on_commit_callbacks: object,
) -> None:
    nurse = program_of(Role.NURSE, "west")
    every = list(hostile_files())
    assert len(every) >= 200
    for hostile in every:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            answer = upload(nurse, hostile.files, ward="west")
            assert answer.status_code in (202, 400), (hostile.kind, answer.content)
            if answer.status_code == 202:
                assert foreman.step(), hostile.kind
        message = (
            answer.json()["detail"]
            if answer.status_code == 400
            else Recording.objects.get(pk=answer.json()["id"]).reason
        )
        assert hostile.words in message, (hostile.kind, message)
        assert len(message.split()) <= _MOST_WORDS, message
        assert str(Path(tempfile.gettempdir())) not in message, message
        assert not stored(media), (hostile.kind, message)
    assert not Recording.objects.exclude(state=State.REFUSED).exists()
    assert not SourceFile.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.usefixtures("worker_lives")
def test_a_damaged_file_is_answered_or_refused_and_ends_nobody(
    program_of: ClientOf, foreman: Foreman
) -> None:
    """Whether bits that flipped matter is the format's affair."""
    random = np.random.default_rng(2)
    nurse = program_of(Role.NURSE, "west")
    states = set()
    for number in range(24):
        container = ("WAV", "FLAC", "OGG", "MP3")[number % 4]
        whole = bytearray(sound(random, container, rate_hz=8000))
        for place in random.integers(0, len(whole), size=8).tolist():
            whole[place] ^= 1 << int(random.integers(8))
        answer = upload(nurse, [(f"f{number}.{container.lower()}", bytes(whole))], ward="west")
        if answer.status_code == 202:
            assert foreman.step()
            states.add(Recording.objects.get(pk=answer.json()["id"]).state)
        Job.objects.all().delete()
    assert State.DONE in states


@pytest.mark.parametrize("name", ["../../../evil.flac", "..\\..\\evil.flac", "/abs/evil.flac"])
def test_a_name_with_a_path_is_shown_plain_and_never_used(
    program_of: ClientOf, media: Path, name: str
) -> None:
    nurse = program_of(Role.NURSE, "west")
    answer = upload(nurse, [(name, SAMPLE.read_bytes())], ward="west")
    assert answer.status_code == 202
    assert answer.json()["name"] == "evil.flac"
    (file,) = stored(media)
    assert file.parent == media / "recordings" / answer.json()["id"]
    assert "evil" not in file.name


def test_what_is_too_large_is_refused_before_it_is_looked_at(
    program_of: ClientOf, monkeypatch: pytest.MonkeyPatch, media: Path
) -> None:
    monkeypatch.setattr("dashboards.console.recordings.limits.MOST_BYTES", 1000)
    answer = upload(program_of(Role.NURSE, "west"), [("a.flac", SAMPLE.read_bytes())], ward="west")
    assert answer.status_code == 400
    assert "1000 bytes are the most" in answer.json()["detail"]
    assert not stored(media)
