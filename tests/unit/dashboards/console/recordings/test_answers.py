"""From an upload to its answer, through the real worker process."""

import json
from pathlib import Path

import msgspec
import pytest

from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.models import Job, State, Task
from dashboards.console.recordings.picture_data import Pictures
from dashboards.console.recordings.stored import Explanation
from models.answer import answer_of
from models.classify import classify_file
from models.registry import Registry
from tests.unit.dashboards.console.recordings.conftest import SAMPLE, TakeIn, content, stored


def test_the_answer_is_the_one_of_the_command_line(take: TakeIn, foreman: Foreman) -> None:
    recording = take()
    assert foreman.step()
    recording.refresh_from_db()
    expected = json.loads(
        msgspec.json.encode(answer_of(classify_file(SAMPLE, Registry().installed())))
    )
    own = recording.answer["file"]
    for varying in ("path", "inference_ms"):
        own.pop(varying)
        expected.pop(varying)
    assert own == expected
    assert recording.state == State.DONE
    assert recording.finding == expected["models"]["screen"]["label"]


def test_what_mattered_is_told_after_the_answer_and_then_the_queue_is_empty(
    take: TakeIn, foreman: Foreman
) -> None:
    recording = take()
    assert foreman.step()
    assert Job.objects.get().task == Task.EXPLAIN
    assert foreman.step()
    assert not foreman.step()
    recording.refresh_from_db()
    maps = msgspec.json.decode(content(recording.saliency), type=Explanation).maps
    assert {own.model for own in maps} == set(recording.answer["file"]["models"])
    assert all(own.windows_asked for own in maps)


def test_pictures_hold_the_whole_recording(take: TakeIn, foreman: Foreman) -> None:
    recording = take()
    foreman.step()
    recording.refresh_from_db()
    pictures = msgspec.json.decode(content(recording.pictures), type=Pictures)
    assert pictures.spectrogram.duration_s == pytest.approx(recording.duration_s, abs=0.01)


def test_deleting_leaves_nothing_behind(
    take: TakeIn, foreman: Foreman, media: Path, django_capture_on_commit_callbacks: object
) -> None:
    from dashboards.console.recordings import jobs  # noqa: PLC0415

    recording = take()
    foreman.step()
    recording.refresh_from_db()
    assert len(stored(media)) == 3
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        jobs.remove(recording)
    assert not stored(media)
    assert not list((media / "recordings").iterdir())
