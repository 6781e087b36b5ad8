"""The present of one device: its latest result, status, alarms, and a minute of its sound."""

from collections import deque

from dashboards.console.live.alarm_pictures import alarms_of, ending
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

    def take_result(self, result: WindowResult, published_us: int) -> bool:
        """Take a result; False when it changes nothing that is shown."""
        if result.late or self._knows(result):
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

    def picture(self, now_us: int) -> BedPicture:
        """How it stands at this moment."""
        alarms = () if self.alarms is None else alarms_of(self.alarms)
        standing = self._standing(now_us)
        assignment, result, status = self.assignment, self.latest, self.status
        finding = None if result is None else main_finding(result.findings)
        heart = None if result is None else result.heart
        return BedPicture(
            device_id=self.device_id,
            ward=assignment and assignment.ward,
            bed=assignment and assignment.bed,
            patient_id=assignment and assignment.patient_id,
            assignment_id=assignment and assignment.assignment_id,
            standing=standing,
            urgency=_urgency(standing, alarms[0].priority if alarms else None),
            published_us=self.published_us or None,
            window_end_us=None if result is None else end_us(result),
            rate_bpm=heart and round(heart.rate_bpm, 1),
            rate_confidence=heart and round(heart.confidence, 3),
            finding=finding and finding.label,
            probability=finding and round(finding.probability, 4),
            abstained=finding is None or finding.abstained,
            model=finding and f"{finding.model}-{finding.version}",
            verdict=None if result is None else result.quality.verdict,
            quality=None if result is None else round(result.quality.score, 3),
            reasons=() if result is None else result.quality.reasons,
            gap_fraction=0.0 if result is None else round(result.gap_fraction, 4),
            latency_ms=None if result is None else _latency_ms(result, self.published_us),
            online=None if status is None else status.state == "online",
            contact=status and status.contact,
            battery_fraction=status and status.battery_fraction,
            signal_dbm=status and status.signal_dbm,
            firmware=status and status.firmware,
            paused_until_us=self._ending(AUDIO_PAUSE),
            standby_until_us=self._ending(STANDBY),
            alarms=alarms,
        )

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


def main_finding(findings: tuple[Finding, ...]) -> Finding | None:
    """What the model in service says; one in shadow is not shown."""
    return next((finding for finding in findings if not finding.shadow), None)


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
