"""Takes jobs from the queue, has the worker do them, and settles them; a thread of its own."""

import logging
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
from django.core.files.storage import default_storage
from django.db import close_old_connections

from dashboards.console.recordings import housekeeping, jobs, limits, orders
from dashboards.console.recordings.models import Job, Task
from dashboards.console.recordings.worker import (
    NotReadyError,
    TookTooLongError,
    Worker,
    WorkerDiedError,
)

_LOOK_EVERY_S = 0.5
_WARM_AFTER_S = 20.0
_START_AGAIN_AFTER_S = 5.0
_NICE, _NICER = 5, 15  # the ward's pages come first, then answers
_FIELDS = {orders.PICTURES: "pictures", orders.HEARD: "heard", orders.SALIENCY: "saliency"}
_COPY_BYTES = 1024 * 1024

_log = logging.getLogger(__name__)


class _Stopping(Exception):  # noqa: N818 (it says that the console ends, and no fault)
    pass


class Foreman:
    """Two in every console, so that no answer waits for an explanation; all share the queue.

    The worker is started on the first visit to a page of recordings, or when the console has come
    to rest after its own start, so that the first upload need not wait for it.

    Parameters
    ----------
    who
        In whose name jobs are held; its own among all.
    tasks
        What it takes on.
    """

    def __init__(self, who: str, tasks: Collection[int] = tuple(Task)) -> None:
        self._who = who
        self._tasks = tasks
        self._news = jobs.listen()
        self._job: Job | None = None
        self._stop = threading.Event()
        self._is_awaited = Task.CLASSIFY in tasks
        self._worker = Worker(self._each_turn, niceness=_NICE if self._is_awaited else _NICER)
        self._housekeeping = housekeeping.Housekeeping()

    @property
    def worker_pid(self) -> int | None:
        return self._worker.pid

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        self._stop = stop
        warm_at_s = time.monotonic() + _WARM_AFTER_S
        try:
            while not stop.is_set():
                close_old_connections()
                self._housekeeping.step(time.time())
                try:
                    if not self.step():
                        self._await_news(warm_at_s)
                except NotReadyError:
                    _log.warning("the worker does not start; what is uploaded waits for it")
                    stop.wait(_START_AGAIN_AFTER_S)
        except _Stopping:
            pass
        finally:
            self._worker.end()

    def _await_news(self, warm_at_s: float) -> None:
        """Have the worker ready for what may come."""
        has_news = self._news.wait(_LOOK_EVERY_S)
        self._news.clear()
        is_wanted = has_news or time.monotonic() > warm_at_s
        if is_wanted and self._is_awaited and not self._stop.is_set():
            self._worker.start()

    def step(self) -> bool:
        """Do one job; False if there is none. Raises `NotReadyError`, and the job stays."""
        job = jobs.claim(self._who, tasks=self._tasks)
        if job is None:
            return False
        self._job = job
        try:
            self._do(job)
        except (_Stopping, NotReadyError):
            jobs.give_back(job, self._who)
            raise
        finally:
            self._job = None
        return True

    def _do(self, job: Job) -> None:
        within_cpu_s = limits.CLASSIFY_CPU_S if job.task == Task.CLASSIFY else limits.EXPLAIN_CPU_S
        if not self._worker.is_up:
            self._tell(job, "starting the reader")
        with tempfile.TemporaryDirectory(prefix="heartward-") as folder:
            try:
                order = _lay_out(job, Path(folder))
                report = self._worker.ask(
                    order, within_cpu_s=within_cpu_s, on_stage=lambda words: self._tell(job, words)
                )
            except FileNotFoundError:
                self._give_up(job, f"{job.recording.name} is no longer in the storage")
            except TookTooLongError:
                self._give_up(
                    job,
                    f"{job.recording.name} takes more than {within_cpu_s:g} s of computing to read",
                )
            except WorkerDiedError:
                _log.warning("the worker ended while it read recording %s", job.recording_id)
                if jobs.fail_once(job, self._who):
                    self._give_up(job, f"{job.recording.name} cannot be read: it ends the reader")
            else:
                self._settle(job, report, Path(folder))

    def _settle(self, job: Job, report: orders.Done | orders.Refused, folder: Path) -> None:
        if isinstance(report, orders.Refused):
            self._give_up(job, report.reason)
            return
        files = {
            field: (folder / name).read_bytes()
            for name, field in _FIELDS.items()
            if (folder / name).exists()
        }
        if job.task == Task.EXPLAIN:
            jobs.finish_explained(job, self._who, files)
            return
        from dashboards.console.recordings.stored import Answer  # noqa: PLC0415 (slow to load)

        content = (folder / orders.ANSWER).read_bytes()
        answer = msgspec.json.decode(content, type=Answer)
        document: Any = msgspec.json.decode(content)
        jobs.finish_classified(job, self._who, answer, document, files)

    def _give_up(self, job: Job, reason: str) -> None:
        if job.task == Task.CLASSIFY:
            jobs.refuse(job, self._who, reason)
        else:
            jobs.drop(job, self._who)

    def _tell(self, job: Job, words: str) -> None:
        jobs.note_stage(job, self._who, words)

    def _each_turn(self) -> None:
        if self._stop.is_set():
            raise _Stopping
        if self._job is not None:
            jobs.renew(self._job, self._who)


def _lay_out(job: Job, folder: Path) -> orders.Order:
    """Copy the sources out of the storage; a name that people gave stays inside the folder."""
    recording = job.recording
    main = ""
    for source in recording.sources.all():
        name = _name_in_folder(source.name, recording.kind, is_main=source.is_main)
        with default_storage.open(source.file.name) as stored, (folder / name).open("wb") as copy:
            while block := stored.read(_COPY_BYTES):
                copy.write(block)
        if source.is_main:
            main = name
    return orders.Order(
        task=Task(job.task).name.lower(),
        folder=str(folder),
        main=main,
        kind=recording.kind,
        name=recording.name,
    )


def _name_in_folder(name: str, kind: str, *, is_main: bool) -> str:
    """Signals must be called as their header calls them, which was checked on the way in."""
    if kind == "wfdb":
        return "record.hea" if is_main else name
    return f"source.{kind}"
