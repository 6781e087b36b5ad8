"""The present of one device: its latest result, status, alarms, and a minute of its sound."""

from collections import deque

from msgspec.structs import replace

from dashboards.console.live.alarm_pictures import alarms_of, empty_shelves, ending
from dashboards.console.live.pictures import URGENCY, BedPicture, Standing
from dashboards.console.live.strips import end_us, kept_strips
from ingest.chunk import DeviceStatus
from stream_processors.alarms.conditions import AUDIO_PAUSE, OFFLINE, STANDBY
from stream_processors.records import (
    AlarmState,
    Assignment,
    Finding,
    WindowResult,
)

SILENT_AFTER_S = 10.0  # four hops without a result: what was found is no longer true
KEPT_SOUND_S = 60.0


class LiveBed:
    """Fed with what concerns one device; the latest of each kind is kept."""

    def __init__(self, device_id: str) -> None:
        self.device_id = device_id
        self.assignment: Assignment | None = None
        self.latest: WindowResult | None = None
        self.published_us = 0
        self.status: DeviceStatus | None = None
        self.alarms: AlarmState | None = None
        self.strips: deque[WindowResult] = deque(maxlen=kept_strips(KEPT_SOUND_S))

    @property
    def ward(self) -> str | None:
        return None if self.assignment is None else self.assignment.ward

    def assign(self, assignment: Assignment | None) -> None:
        """Whose it is from now on; what was heard of somebody else is not theirs."""
        if _whose(assignment) != _whose(self.assignment):
            self.latest = None
            self.published_us = 0
            self.strips.clear()
        self.assignment = assignment

    def take_result(self, result: WindowResult, published_us: int) -> bool:
        """Take a result; False when it changes nothing that is shown."""
        if result.late or self._knows(result) or self._is_anothers(result):
            return False
        self.latest, self.published_us = result, published_us
        self.strips.append(result)
        return True

    def _knows(self, result: WindowResult) -> bool:
        latest = self.latest
        if latest is None:
            return False
        if latest.boot_id == result.boot_id:
            return result.window_index <= latest.window_index
        return result.start_us <= latest.start_us

    def _is_anothers(self, result: WindowResult) -> bool:
        """Heard of who wore the device before, and come after that was over."""
        return result.patient_id not in (None, _whose(self.assignment))

    def picture(self, now_us: int) -> BedPicture:
        """How it stands at this moment."""
        alarms = () if self.alarms is None else alarms_of(self.alarms)
        standing = self._standing(now_us)
        picture = BedPicture(
            device_id=self.device_id,
            standing=standing,
            urgency=_urgency(standing, alarms[0].priority if alarms else None),
            paused_until_us=self._ending(AUDIO_PAUSE),
            standby_until_us=self._ending(STANDBY),
            alarms=alarms,
            shelves=() if self.alarms is None else empty_shelves(self.alarms),
        )
        if self.assignment is not None:
            picture = _with_assignment(picture, self.assignment)
        if self.latest is not None:
            picture = _with_result(picture, self.latest, self.published_us)
        return picture if self.status is None else _with_status(picture, self.status)

    def _ending(self, condition: str) -> int | None:
        return None if self.alarms is None else ending(self.alarms, condition)

    def _standing(self, now_us: int) -> Standing:
        if self._ending(STANDBY) is not None:
            return "standby"
        alarms = () if self.alarms is None else alarms_of(self.alarms)
        calling = [alarm for alarm in alarms if alarm.state in ("active", "latched")]
        is_off = self.status is not None and self.status.state == "offline"
        is_silent = self.latest is None or now_us - self.published_us > SILENT_AFTER_S * 1e6
        if is_silent and (is_off or any(alarm.condition == OFFLINE for alarm in alarms)):
            return "offline"
        if self.latest is None:
            return "waiting"
        if is_silent:
            return "silent"
        if any(alarm.kind == "physiological" for alarm in calling):
            return "alarm"
        return _of_result(self.latest)


def _whose(assignment: Assignment | None) -> str | None:
    return None if assignment is None else assignment.patient_id


def main_finding(findings: tuple[Finding, ...]) -> Finding | None:
    """What the model in service says; one in shadow is not shown."""
    return next((finding for finding in findings if not finding.shadow), None)


def _with_assignment(picture: BedPicture, assignment: Assignment) -> BedPicture:
    return replace(
        picture,
        ward=assignment.ward,
        bed=assignment.bed,
        patient_id=assignment.patient_id,
        assignment_id=assignment.assignment_id,
    )


def _with_result(picture: BedPicture, result: WindowResult, published_us: int) -> BedPicture:
    finding = main_finding(result.findings)
    if finding is not None:
        picture = replace(
            picture,
            finding=finding.label,
            probability=round(finding.probability, 4),
            abstained=finding.abstained,
            model=f"{finding.model}-{finding.version}",
        )
    if result.heart is not None:
        picture = replace(
            picture,
            rate_bpm=round(result.heart.rate_bpm, 1),
            rate_confidence=round(result.heart.confidence, 3),
        )
    return replace(
        picture,
        published_us=published_us,
        window_end_us=end_us(result),
        verdict=result.quality.verdict,
        quality=round(result.quality.score, 3),
        reasons=result.quality.reasons,
        gap_fraction=round(result.gap_fraction, 4),
        latency_ms=_latency_ms(result, published_us),
    )


def _with_status(picture: BedPicture, status: DeviceStatus) -> BedPicture:
    return replace(
        picture,
        online=status.state == "online",
        contact=status.contact,
        battery_fraction=status.battery_fraction,
        signal_dbm=status.signal_dbm,
        firmware=status.firmware,
    )


def _of_result(result: WindowResult) -> Standing:
    finding = main_finding(result.findings)
    if result.quality.verdict != "good" or finding is None or finding.abstained:
        return "poor"
    return "normal" if finding.label == "normal" else "abnormal"


def _urgency(standing: Standing, priority: str | None) -> int:
    """High alarms first, whatever their kind; then by standing."""
    level = {"high": 0, "medium": 100, "low": 200, None: 300}[priority]
    return level + URGENCY.index(standing)


def _latency_ms(result: WindowResult, published_us: int) -> float:
    """From the arrival of the last sound that the window needed to its result in Kafka."""
    return round((published_us - result.stages.received_us) / 1000, 1)
