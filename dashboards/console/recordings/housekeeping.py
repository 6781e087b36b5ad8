"""What is over goes: refusals after a day, examinations whose page is gone, files of no row."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.files.storage import default_storage

from dashboards.console.lib.own_files import database_began, is_own
from dashboards.console.recordings import limits
from dashboards.console.recordings.jobs import remove
from dashboards.console.recordings.models import Examination, Recording, State

_EVERY_S = 300.0
_FOLDER = "recordings"
_STRAY_AFTER = timedelta(hours=1)


class Housekeeping:
    """Now and then, and at the start."""

    def __init__(self) -> None:
        self._due_s = 0.0

    def step(self, now_s: float) -> None:
        if now_s < self._due_s:
            return
        self._due_s = now_s + _EVERY_S
        now = datetime.fromtimestamp(now_s, UTC)
        forgotten = now - timedelta(seconds=limits.FORGOTTEN_AFTER_S)
        Examination.objects.filter(heard_at__lt=forgotten).delete()
        refused = Recording.objects.filter(
            state=State.REFUSED, uploaded_at__lt=now - timedelta(seconds=limits.REFUSED_SHOWN_S)
        )
        refused.delete()
        sweep(now)


def sweep(now: datetime) -> int:
    """Delete folders that no recording owns: of uploads during which the console was killed."""
    try:
        folders, _ = default_storage.listdir(_FOLDER)
    except FileNotFoundError:
        return 0
    known = {str(key) for key in Recording.objects.values_list("pk", flat=True)}
    strays = [folder for folder in folders if folder not in known]
    began = database_began()
    return sum(_sweep_folder(folder, now, began) for folder in strays)


def _sweep_folder(folder: str, now: datetime, began: datetime) -> int:
    _, names = default_storage.listdir(f"{_FOLDER}/{folder}")
    paths = [f"{_FOLDER}/{folder}/{name}" for name in names]
    if any(now - default_storage.get_modified_time(path) < _STRAY_AFTER for path in paths):
        return 0
    if not all(is_own(path, began) for path in paths):
        return 0
    for path in paths:
        default_storage.delete(path)
    default_storage.delete(f"{_FOLDER}/{folder}")
    return len(paths)


def erase_before(at: datetime) -> int:
    """Erase recordings that are older; how many."""
    return _erase(Recording.objects.filter(uploaded_at__lt=at))


def erase_patient(pseudonym: str) -> int:
    """Erase all recordings of a patient; how many."""
    Examination.objects.filter(patient_id=pseudonym).delete()
    return _erase(Recording.objects.filter(patient_id=pseudonym))


def _erase(recordings: Any) -> int:
    found = list(recordings)
    for recording in found:
        remove(recording)
    return len(found)
