"""Records of Kafka as rows; pure but for the classes of the rows."""

from typing import Any

import msgspec

from dashboards.console.history.models import AlarmTransition, Clip, Window
from stream_processors.alarms.conditions import OFFLINE
from stream_processors.alarms.parts_heard import PIPELINE
from stream_processors.records import AlarmEvent, Finding, WindowResult

AROUND_US = 30_000_000


def window_row(result: WindowResult, published_us: int) -> Window:
    finding = next((f for f in result.findings if not f.shadow), None)
    heart = result.heart
    return Window(
        device_id=result.device_id,
        boot_id=result.boot_id,
        window_index=result.window_index,
        start_us=result.start_us,
        window_s=result.window_s,
        published_us=published_us,
        received_us=result.stages.received_us,
        late=result.late,
        assignment_id=result.assignment_id or "",
        patient_id=result.patient_id or "",
        ward=result.ward or "",
        bed=result.bed or "",
        gap_fraction=result.gap_fraction,
        quality=result.quality.score,
        verdict=result.quality.verdict,
        rate_bpm=None if heart is None else heart.rate_bpm,
        rate_confidence=None if heart is None else heart.confidence,
        label="" if finding is None else finding.label,
        probability=None if finding is None else finding.probability,
        abnormal_probability=_abnormal(finding),
        abstained=finding is None or finding.abstained,
        findings=msgspec.to_builtins(result.findings),
        audio_topic=result.audio.topic,
        audio_partition=result.audio.partition,
        audio_first_offset=result.audio.first_offset,
        audio_last_offset=result.audio.last_offset,
    )


def _abnormal(finding: Finding | None) -> float | None:
    """How likely it is that something is not normal; None where no model says."""
    if finding is None or finding.abstained:
        return None
    normal = finding.probabilities.get("normal")
    return None if normal is None else 1.0 - normal


def transition_row(event: AlarmEvent) -> AlarmTransition:
    return AlarmTransition(
        event_id=event.event_id,
        episode_id=event.episode_id,
        transition_no=event.transition_no,
        device_id=event.device_id,
        assignment_id=event.assignment_id or "",
        patient_id=event.patient_id or "",
        ward=event.ward or "",
        bed=event.bed or "",
        condition=event.condition,
        kind=event.kind,
        priority=event.priority,
        state_from=event.state_from,
        state_to=event.state_to,
        transition=event.transition,
        at_us=event.at_us,
        until_us=event.until_us,
        cause=event.cause,
        actor=event.actor,
        late=event.late,
        rings=event.rings,
        escalation=event.escalation,
        value=event.value,
        limit=event.limit,
        unit=event.unit,
        strip=None if event.strip is None else event.strip.samples,
        strip_rate_hz=None if event.strip is None else event.strip.sample_rate_hz,
    )


def wanted_clip(event: AlarmEvent) -> Clip | None:
    """The sound around an alarm that was just raised, if it is about sound at all."""
    is_raised = event.transition == "raised"
    if not is_raised or event.condition == OFFLINE or event.device_id == PIPELINE:
        return None
    return Clip(
        episode_id=event.episode_id,
        device_id=event.device_id,
        patient_id=event.patient_id or "",
        ward=event.ward or "",
        bed=event.bed or "",
        from_us=event.at_us - AROUND_US,
        until_us=event.at_us + AROUND_US,
    )


def fuller(new: Window, old: dict[str, Any]) -> bool:
    """Whether a version of a window holds more of its sound than the one that is stored."""
    return bool(new.gap_fraction < old["gap_fraction"])
