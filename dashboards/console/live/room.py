"""The ward and those who look at it: records go in, messages come out."""

import threading
from collections.abc import Callable

from dashboards.console.live.beds import LiveBed
from dashboards.console.live.hub import Hub, Interest
from dashboards.console.live.pictures import BedPicture, Snapshot
from dashboards.console.live.strips import strip_of
from dashboards.console.live.ward import LiveWard, order
from ingest.chunk import DeviceStatus, decode_status
from stream_processors.records import (
    AlarmState,
    Assignment,
    Heartbeat,
    WindowResult,
    decode,
)
from stream_processors.topics import ALARM_STATE, ASSIGNMENTS, HEARTBEATS, RESULTS, STATUS

_STRIPS_OF_A_TILE = 4


class Room:
    """One for each console process; used from the event loop alone.

    `now_us` is asked for the wall clock: what people see is of the present, not of the log.
    `filled` is set once the ward is known: before, a bed that is missing may only not be read yet.
    """

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self.ward = LiveWard(now_us())
        self.hub = Hub()
        self.filled = threading.Event()
        self._shown: dict[str, BedPicture] = {}
        self._pipeline: object = ()

    def take(self, topic: str, key: bytes | None, value: bytes | None, at_us: int) -> None:
        """Take one record of a topic; raises `RecordError` or `ChunkError` for what is none."""
        name = (key or b"").decode(errors="replace")
        if topic == ASSIGNMENTS.name:
            self._assignment(name, None if value is None else decode(Assignment, value))
        elif value is None:
            return
        elif topic == RESULTS.name:
            self._result(decode(WindowResult, value), at_us)
        elif topic == STATUS.name:
            self._status(name, decode_status(value))
        elif topic == ALARM_STATE.name:
            self._alarms(decode(AlarmState, value))
        elif topic == HEARTBEATS.name:
            self.ward.take_heartbeat(decode(Heartbeat, value), at_us)

    def tick(self) -> None:
        """Once a second: what changes with time alone, and the pulse of the feed."""
        now_us = self._now_us()
        self.ward.tick(now_us)
        for bed in self.ward.all():
            self._show_or_take_away(bed, now_us)
        self.hub.to_all("pulse", self.ward.pulse(now_us))

    def snapshot(self, interest: Interest) -> Snapshot:
        now_us = self._now_us()
        seen = [b for b in self.ward.beds() if interest.sees(b.ward, b.device_id)]
        whole = interest.device_id is not None
        kept = None if whole else -_STRIPS_OF_A_TILE
        return Snapshot(
            server_us=now_us,
            beds=tuple(sorted((bed.picture(now_us) for bed in seen), key=order)),
            strips=tuple(
                strip_of(result, whole=whole)
                for bed in seen
                for result in list(bed.strips)[slice(kept, None)]
            ),
            pipeline=self.ward.pipeline(),
            lost=self.ward.pulse(now_us).lost,
        )

    def _assignment(self, key: str, assignment: Assignment | None) -> None:
        now_us = self._now_us()
        for device_id in self.ward.take_assignment(key, assignment, now_us):
            bed = self.ward.bed(device_id)
            if bed is not None:
                self._show_or_take_away(bed, now_us)

    def _result(self, result: WindowResult, published_us: int) -> None:
        bed = self.ward.bed(result.device_id)
        if not self.ward.take_result(result, published_us):
            return
        bed = bed or self.ward.bed(result.device_id)
        if bed is not None:
            self._show(bed, self._now_us())
            self.hub.strip(bed.ward, bed.device_id, lambda whole: strip_of(result, whole=whole))

    def _status(self, device_id: str, status: DeviceStatus) -> None:
        bed = self.ward.bed(device_id) if self.ward.take_status(device_id, status) else None
        if bed is not None:
            self._show(bed, self._now_us())

    def _alarms(self, state: AlarmState) -> None:
        if not self.ward.take_alarms(state):
            return
        bed = self.ward.bed(state.device_id)
        if bed is not None:
            self._show(bed, self._now_us())
        elif self.ward.pipeline() != self._pipeline:
            self._pipeline = self.ward.pipeline()
            self.hub.to_all("pipeline", self._pipeline_picture())

    def _pipeline_picture(self) -> Snapshot:
        return Snapshot(server_us=self._now_us(), beds=(), strips=(), pipeline=self.ward.pipeline())

    def _show(self, bed: LiveBed, now_us: int) -> None:
        """Send a bed's picture where it differs from the last that was sent."""
        picture = bed.picture(now_us)
        before = self._shown.get(bed.device_id)
        if picture == before:
            return
        if before is not None and before.ward != picture.ward:
            # Who saw it in its old ward and may not see the new one is told that it has gone.
            self._take_away(before)
        self._shown[bed.device_id] = picture
        self.hub.of_bed("bed", bed.ward, bed.device_id, lambda: picture)

    def _show_or_take_away(self, bed: LiveBed, now_us: int) -> None:
        if self.ward.is_shown(bed):
            self._show(bed, now_us)
        elif bed.device_id in self._shown:
            self._take_away(self._shown.pop(bed.device_id))

    def _take_away(self, picture: BedPicture) -> None:
        self.hub.of_bed("gone", picture.ward, picture.device_id, lambda: picture_gone(picture))


def picture_gone(picture: BedPicture) -> BedPicture:
    """As much of a bed as may be told where it is no longer seen: that it has left."""
    return BedPicture(device_id=picture.device_id, standing="waiting", urgency=0)
