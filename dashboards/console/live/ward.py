"""The present of the whole ward, in memory: fed with records, asked for pictures.

It knows no Kafka, no database and no page. It is changed from the event loop alone; pictures may
be asked for from other threads. What it keeps is bounded: per device the latest of each record and
a minute of strips.
"""

from collections.abc import Iterator

from dashboards.console.live.alarm_pictures import alarms_of
from dashboards.console.live.beds import LiveBed
from dashboards.console.live.parts import Parts
from dashboards.console.live.pictures import AlarmPicture, BedPicture, PulsePicture
from ingest.chunk import DeviceStatus
from stream_processors.alarms.parts_heard import PIPELINE
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import AlarmState, Assignment, Heartbeat, WindowResult

MOST_DEVICES = 5000


class LiveWard:
    """Every `take_...` returns whether something that is shown has changed."""

    def __init__(self, since_us: int) -> None:
        self._beds: dict[str, LiveBed] = {}
        self._assignments = AssignmentHistory()
        self._pipeline: AlarmState | None = None
        self._parts = Parts(since_us)
        self._kafka_heard_us = since_us
        self.refused_devices = 0

    def heard_from_kafka(self, now_us: int) -> None:
        """Note that Kafka has given records."""
        self._kafka_heard_us = now_us

    def take_assignment(self, key: str, assignment: Assignment | None, now_us: int) -> set[str]:
        """Learn who wears what; returns the devices that this concerns."""
        before = set(self._assignments.device_ids())
        self._assignments.step(key, assignment)
        concerned = {assignment.device_id} if assignment else before
        for device_id in concerned:
            bed = self._bed(device_id)
            if bed is not None:
                bed.assign(self._assignments.at(device_id, now_us))
        return concerned

    def take_result(self, result: WindowResult, published_us: int) -> bool:
        bed = self._bed(result.device_id)
        return bed is not None and bed.take_result(result, published_us)

    def take_status(self, device_id: str, status: DeviceStatus) -> bool:
        bed = self._bed(device_id)
        if bed is None or bed.status == status:
            return False
        bed.status = status
        return True

    def take_alarms(self, state: AlarmState) -> bool:
        if state.device_id == PIPELINE:
            self._pipeline = state
            return True
        bed = self._bed(state.device_id)
        if bed is None:
            return False
        bed.alarms = state
        return True

    def take_heartbeat(self, beat: Heartbeat, at_us: int) -> None:
        self._parts.take(beat, at_us)

    def tick(self, now_us: int) -> None:
        """Let assignments begin and end with time."""
        for bed in self._beds.values():
            bed.assign(self._assignments.at(bed.device_id, now_us))

    def bed(self, device_id: str) -> LiveBed | None:
        return self._beds.get(device_id)

    def all(self) -> list[LiveBed]:
        """Every device of which anything was ever heard."""
        return list(self._beds.values())

    def beds(self) -> Iterator[LiveBed]:
        """Those that are shown."""
        return (bed for bed in self.all() if self.is_shown(bed))

    @staticmethod
    def is_shown(bed: LiveBed) -> bool:
        """Whether somebody wears it, or it is heard though nobody is known to wear it."""
        return bed.assignment is not None or _is_alive(bed)

    def pictures(self, now_us: int) -> list[BedPicture]:
        """All tiles, the worst first."""
        return sorted((bed.picture(now_us) for bed in self.beds()), key=order)

    def pipeline(self) -> tuple[AlarmPicture, ...]:
        return () if self._pipeline is None else alarms_of(self._pipeline)

    def pulse(self, now_us: int) -> PulsePicture:
        return PulsePicture(
            server_us=now_us,
            lost=self._parts.lost(now_us),
            kafka_silent_s=round((now_us - self._kafka_heard_us) / 1e6, 1),
        )

    def _bed(self, device_id: str) -> LiveBed | None:
        bed = self._beds.get(device_id)
        if bed is None:
            if len(self._beds) >= MOST_DEVICES:
                self.refused_devices += 1
                return None
            bed = self._beds[device_id] = LiveBed(device_id)
        return bed


def order(bed: BedPicture) -> tuple[int, str, str, str]:
    return bed.urgency, bed.ward or "~", bed.bed or "~", bed.device_id


def _is_alive(bed: LiveBed) -> bool:
    return bed.latest is not None or (bed.status is not None and bed.status.state == "online")
