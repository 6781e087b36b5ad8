"""The thread that saves the sound around alarms before Kafka forgets it."""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from django.core.files.base import ContentFile
from django.db import DatabaseError, close_old_connections

from dashboards.console.history import clip_files
from dashboards.console.history.models import Clip
from dashboards.console.history.sound import SoundError, SoundFinder, as_flac
from dashboards.console.outbox import duty
from ingest.connections import KafkaConnection

_LOOK_EVERY_S = 5.0
_SETTLED_US = 12_000_000  # so long after its end a clip's last windows are in the database
_GIVE_UP_US = 15 * 60_000_000
_BATCH = 5
_SWEPT_EVERY_S = 86_400.0
_DUTY, _DUTY_S = "clips", 120.0  # longer than a batch takes where Kafka is slow

_log = logging.getLogger(__name__)


class ClipKeeper:
    """Takes clips that are wanted, once their time is over; of several consoles one does.

    Two would save the same sound twice, and one of the files would be nobody's.
    """

    def __init__(self, kafka: KafkaConnection, *, who: str) -> None:
        self._finder = SoundFinder(kafka)
        self._who = who
        self._swept_s = 0.0

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                close_old_connections()
                if duty.is_ours(_DUTY, self._who, for_s=_DUTY_S):
                    self.step(time.time_ns() // 1000)
                self.sweep(time.time())  # everybody: not all consoles share one storage
            except DatabaseError as error:
                _log.warning("clips cannot be read: %s", error)
            stop.wait(_LOOK_EVERY_S)
        duty.leave(_DUTY, self._who)

    def step(self, now_us: int) -> None:
        wanted = Clip.objects.filter(state="wanted", until_us__lt=now_us - _SETTLED_US)
        for clip in wanted.order_by("until_us")[:_BATCH]:
            self._keep(clip, now_us)

    def sweep(self, now_s: float) -> None:
        """Delete once a day the files of no clip: here, where a slow storage holds up no writer."""
        if now_s - self._swept_s >= _SWEPT_EVERY_S:
            self._swept_s = now_s
            clip_files.sweep(datetime.fromtimestamp(now_s, UTC))

    def _keep(self, clip: Clip, now_us: int) -> None:
        try:
            sound = self._finder.raw(clip.device_id, clip.patient_id, clip.from_us, clip.until_us)
        except SoundError as error:
            state = "lost" if now_us - clip.until_us > _GIVE_UP_US else clip.state
            _note(clip, state=state, why=str(error)[:200])
            return
        clip.file.save("clip.flac", ContentFile(as_flac(sound)), save=False)
        is_noted = _note(
            clip,
            file=clip.file.name,
            sample_rate_hz=sound.sample_rate_hz,
            missing_fraction=sound.missing_fraction,
            state="kept",
            why="",
        )
        if not is_noted:
            clip.file.storage.delete(clip.file.name)


def _note(clip: Clip, **values: Any) -> bool:
    """Whether the clip is still there; one that was erased meanwhile does not come back."""
    return bool(Clip.objects.filter(pk=clip.pk).update(**values))
