"""Files of clips in the storage, and those that nobody owns any more."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from django.core.files.storage import default_storage

from dashboards.console.history.models import CLIP_FOLDER, Clip
from dashboards.console.lib.own_files import database_began, is_own

_BEING_KEPT = timedelta(hours=1)
_ID_CHARACTERS = 36  # of a UUID; a storage may put more behind it to tell names apart


def sweep(now: datetime) -> int:
    """Delete files that no clip names: of clips that were erased just when the console died."""
    paths = list(_paths())  # first: what is being kept now has its row already
    named = {str(key): name for key, name in Clip.objects.values_list("pk", "file")}
    began = database_began()
    return sum(_is_stray(path, named, now) and _delete(path, began) for path in paths)


def _delete(path: str, began: datetime) -> bool:
    """False for another database's, and where another console was faster."""
    try:
        if not is_own(path, began):
            return False
        default_storage.delete(path)
    except FileNotFoundError:
        return False
    return True


def _is_stray(path: str, named: Mapping[str, str], now: datetime) -> bool:
    """A file that its clip does not name may be being written, so it has its time."""
    own = named.get(PurePosixPath(path).name[:_ID_CHARACTERS])
    if own is None:
        return True
    return own != path and now - default_storage.get_modified_time(path) > _BEING_KEPT


def _paths() -> Iterable[str]:
    for folder in _listed(CLIP_FOLDER)[0]:
        for name in _listed(f"{CLIP_FOLDER}/{folder}")[1]:
            yield f"{CLIP_FOLDER}/{folder}/{name}"


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []
    return folders, names
