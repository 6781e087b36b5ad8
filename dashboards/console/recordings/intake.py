"""Take uploaded files in: see what they are, store them, put them into the queue. Or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from dashboards.console.recordings import kinds, limits
from dashboards.console.recordings.jobs import delete_stored, enqueue
from dashboards.console.recordings.kinds import RefusedError
from dashboards.console.recordings.models import Recording, SourceFile, Task


class Belongs(NamedTuple):
    """Whose a recording is."""

    owner: Any
    ward: str = ""
    patient_id: str = ""
    note: str = ""


def take_in_once(
    files: Sequence[Any], belongs: Belongs, key: UUID | None = None
) -> tuple[Recording, bool]:
    """Store the uploaded files of one recording, or find what the same upload stored before.

    A page whose connection broke cannot know whether its upload has come, and sends it again under
    the same key.

    Returns
    -------
    The recording, and whether it is new. Raises `RefusedError` as `take_in` does.
    """
    if key is None:
        return take_in(files, belongs), True
    if found := _taken_before(key, belongs):
        return found, False
    try:
        return take_in(files, belongs, key), True
    except IntegrityError:  # both came at once
        if found := _taken_before(key, belongs):
            return found, False
        raise


def _taken_before(key: UUID, belongs: Belongs) -> Recording | None:
    found: Recording | None = Recording.objects.filter(pk=key).first()
    if found is not None and found.owner_id != belongs.owner.pk:
        raise RefusedError("draw another id for this upload")
    return found


def take_in(files: Sequence[Any], belongs: Belongs, key: UUID | None = None) -> Recording:
    """Store the uploaded files of one recording.

    Raises
    ------
    RefusedError
        If they are no recording, or too large; then nothing is stored.
    """
    named = _named(files)
    size_bytes = sum(file.size for file in files)
    if size_bytes > limits.MOST_BYTES:
        raise RefusedError(
            f"{next(iter(named))} has {limits.in_words(size_bytes)}, and "
            f"{limits.in_words(limits.MOST_BYTES)} are the most"
        )
    group = kinds.group({name: _head(file) for name, file in named.items()})
    return store(group, named, size_bytes, belongs, key)


def store(
    group: kinds.Group,
    named: Mapping[str, Any],
    size_bytes: int,
    belongs: Belongs,
    key: UUID | None = None,
) -> Recording:
    """All of it, or nothing: files whose rows do not come to be are deleted again."""
    recording = Recording(
        id=key or uuid4(),
        **belongs._asdict(),
        name=group.name,
        kind=group.kind,
        size_bytes=size_bytes,
    )
    stored: list[SourceFile] = []
    try:
        with transaction.atomic():
            recording.save(force_insert=True)
            for name in group.files:
                source = SourceFile(recording=recording, name=name, is_main=name == group.name)
                source.file.save(name, named[name], save=False)
                stored.append(source)
                source.save()
            enqueue(recording, Task.CLASSIFY)
    except BaseException:
        delete_stored((default_storage, source.file.name) for source in stored)
        raise
    return recording


def _named(files: Sequence[Any]) -> dict[str, Any]:
    if not files:
        raise RefusedError("there is no file in the upload")
    if len(files) > limits.MOST_FILES:
        raise RefusedError(f"{len(files)} files are too many for one recording")
    named = {kinds.plain_name(file.name): file for file in files}
    if len(named) != len(files):
        raise RefusedError("two of the files have the same name")
    return named


def _head(file: Any) -> bytes:
    file.seek(0)
    head: bytes = file.read(kinds.HEAD_BYTES)
    file.seek(0)
    return head
