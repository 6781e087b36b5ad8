"""The queue: answers first, held by a lease, settled once."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from dashboards.console.recordings import jobs, patience
from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.limits import MOST_ATTEMPTS
from dashboards.console.recordings.models import Job, State, Task
from dashboards.console.recordings.worker import (
    NotReadyError,
    TookTooLongError,
    Worker,
    WorkerDiedError,
)
from tests.unit.dashboards.console.recordings.conftest import TakeIn, stored

pytestmark = pytest.mark.django_db


def _after_us(leases: float) -> int:
    return time.time_ns() // 1000 + round(leases * jobs.LEASE_S * 1e6)


def test_answers_come_before_explanations(take: TakeIn) -> None:
    first, second = take("a.flac"), take("b.flac")
    Job.objects.filter(recording=first).update(task=Task.EXPLAIN)
    taken = [jobs.claim("me") for _ in range(2)]
    assert [job.recording_id if job else None for job in taken] == [second.pk, first.pk]
    assert jobs.claim("me") is None


def test_a_job_is_held_until_its_lease_has_run_out(take: TakeIn) -> None:
    take()
    assert jobs.claim("one") is not None
    assert jobs.claim("other", _after_us(0.8)) is None
    assert jobs.claim("other", _after_us(1.1)) is not None


def test_who_lost_the_lease_settles_nothing(take: TakeIn) -> None:
    recording = take()
    job = jobs.claim("slow")
    assert job is not None
    assert jobs.claim("quick", _after_us(1.1)) is not None
    jobs.refuse(job, "slow", "too late")
    assert not jobs.renew(job, "slow")
    recording.refresh_from_db()
    assert recording.state == State.QUEUED
    assert Job.objects.count() == 1


class FailingWorker(Worker):
    """Fails every order as it is told."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self._error = error

    def ask(self, *_: Any, **__: Any) -> Any:
        raise self._error


def _foreman(error: type[Exception]) -> Foreman:
    made = Foreman("me")
    made._worker = FailingWorker(error)
    return made


def test_what_ends_the_worker_is_tried_again_and_then_refused(take: TakeIn) -> None:
    recording = take()
    foreman = _foreman(WorkerDiedError)
    for _ in range(MOST_ATTEMPTS):
        recording.refresh_from_db()
        assert recording.state == State.QUEUED
        assert foreman.step()
    recording.refresh_from_db()
    assert recording.state == State.REFUSED
    assert "ends the reader" in recording.reason
    assert not Job.objects.exists()


def test_what_takes_too_long_is_refused_and_none_of_it_kept(
    take: TakeIn, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    recording = take()
    with django_capture_on_commit_callbacks(execute=True):
        assert _foreman(TookTooLongError).step()
    recording.refresh_from_db()
    assert "takes more than 30 s of computing to read" in recording.reason
    assert not stored(media)


def test_a_file_that_is_gone_is_told_and_holds_up_nobody(
    take: TakeIn, media: Path, foreman: Foreman
) -> None:
    recording = take()
    for path in stored(media):
        path.unlink()
    assert foreman.step()
    recording.refresh_from_db()
    assert "no longer in the storage" in recording.reason


def test_a_worker_that_never_comes_up_is_no_fault_of_a_recording(take: TakeIn) -> None:
    recording = take()
    foreman = _foreman(NotReadyError)
    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises(NotReadyError):
            foreman.step()
    recording.refresh_from_db()
    assert recording.state == State.QUEUED
    assert Job.objects.get().attempts == 0


def test_a_real_worker_that_hangs_is_replaced_and_its_recording_answered(
    foreman: Foreman, take: TakeIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = take()
    foreman._worker.start()
    before = foreman.worker_pid
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(patience, "IDLE_S", 0.6)
        assert foreman.step()
    assert foreman.worker_pid is None
    recording.refresh_from_db()
    assert recording.state == State.QUEUED
    assert foreman.step()
    recording.refresh_from_db()
    assert recording.state == State.DONE


def test_an_explanation_that_fails_leaves_the_answer(take: TakeIn, foreman: Foreman) -> None:
    recording = take()
    assert foreman.step()
    assert _foreman(TookTooLongError).step()
    recording.refresh_from_db()
    assert recording.state == State.DONE
    assert not recording.saliency
    assert not Job.objects.exists()
