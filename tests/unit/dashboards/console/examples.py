"""Records as the pipeline writes them, for tests of the console."""

import time
from typing import Any

import numpy as np

from dashboards.console.live.room import Room
from ingest.chunk import DeviceStatus
from ingest.chunk import encode as encode_wire
from models.rhythm import Heart
from stream_processors.records import (
    AlarmEpisode,
    AlarmEvent,
    AlarmState,
    Assignment,
    AudioReference,
    Finding,
    Quality,
    StageTimes,
    Strip,
    WindowResult,
    encode,
)
from stream_processors.topics import ALARM_STATE, ASSIGNMENTS, RESULTS, STATUS

NOW_US = int(time.time()) * 1_000_000  # pages ask the wall clock
HOP_US = 2_500_000


def assignment(bed: int = 1, *, ward: str = "west", **given: Any) -> Assignment:
    values: dict[str, Any] = {
        "assignment_id": f"{ward}-{bed}",
        "device_id": f"dev-{ward}-{bed}",
        "patient_id": f"p-{ward}-{bed}",
        "ward": ward,
        "bed": str(bed),
        "from_us": 0,
    }
    return Assignment(**(values | given))


def result(bed: int = 1, *, ward: str = "west", index: int = 10, **given: Any) -> WindowResult:
    """A normal window whose sound ends at `NOW_US`, unless said otherwise."""
    start_us = given.pop("start_us", NOW_US - 5_000_000)
    label, probability = given.pop("label", "normal"), given.pop("probability", 0.9)
    other = "abnormal" if label == "normal" else "normal"
    samples = (1000 * np.sin(np.arange(1250) / 9)).astype("<i2")
    end_us = start_us + 5_000_000
    values: dict[str, Any] = {
        "device_id": f"dev-{ward}-{bed}",
        "boot_id": 7,
        "window_index": index,
        "start_us": start_us,
        "window_s": 5.0,
        "gap_fraction": 0.0,
        "late": False,
        "assignment_id": f"{ward}-{bed}",
        "patient_id": f"p-{ward}-{bed}",
        "ward": ward,
        "bed": str(bed),
        "quality": Quality(score=0.95, verdict="good"),
        "heart": Heart(rate_bpm=72.4, confidence=0.9, s1_s=(0.5, 3.0), s2_s=(0.8, 3.3)),
        "findings": (
            Finding(
                model="screen",
                version="1",
                label=label,
                probability=probability,
                probabilities={label: probability, other: 1 - probability},
            ),
        ),
        "strip": Strip(sample_rate_hz=500, full_scale=0.5, samples=samples.tobytes()),
        "audio": AudioReference(
            topic="pcg.audio", partition=0, first_offset=index, last_offset=index + 5
        ),
        "stages": StageTimes(
            captured_us=end_us,
            received_us=end_us + 20_000,
            windowed_us=end_us + 30_000,
            inferred_us=end_us + 40_000,
        ),
    }
    return WindowResult(**(values | given))


def status(**given: Any) -> DeviceStatus:
    values: dict[str, Any] = {
        "state": "online",
        "boot_id": 7,
        "at_us": NOW_US,
        "battery_fraction": 0.8,
    }
    return DeviceStatus(**(values | given))


def episode(**given: Any) -> AlarmEpisode:
    values: dict[str, Any] = {
        "episode_id": "e1",
        "condition": "tachycardia",
        "kind": "physiological",
        "priority": "medium",
        "state": "active",
        "transition_no": 2,
        "began_us": NOW_US - 10_000_000,
        "cause": "HR 134 > 120",
        "rang": True,
    }
    return AlarmEpisode(**(values | given))


def alarm_state(*episodes: AlarmEpisode, bed: int = 1, ward: str = "west") -> AlarmState:
    return AlarmState(
        device_id=f"dev-{ward}-{bed}",
        patient_id=f"p-{ward}-{bed}",
        ward=ward,
        bed=str(bed),
        episodes=episodes,
    )


def event(bed: int = 1, *, ward: str = "west", **given: Any) -> AlarmEvent:
    values: dict[str, Any] = {
        "event_id": "v1",
        "episode_id": "e1",
        "transition_no": 1,
        "device_id": f"dev-{ward}-{bed}",
        "assignment_id": f"{ward}-{bed}",
        "patient_id": f"p-{ward}-{bed}",
        "ward": ward,
        "bed": str(bed),
        "condition": "tachycardia",
        "kind": "physiological",
        "priority": "medium",
        "state_from": "inactive",
        "state_to": "active",
        "transition": "raised",
        "at_us": NOW_US,
        "cause": "HR 134 > 120",
        "actor": "heartward",
        "rings": True,
    }
    return AlarmEvent(**(values | given))


def fill(room: Room, *beds: tuple[str, int]) -> None:
    """Assign these beds and give each a status and a result."""
    for ward, bed in beds:
        made = assignment(bed, ward=ward)
        room.take(ASSIGNMENTS.name, made.assignment_id.encode(), encode(made), NOW_US)
        room.take(STATUS.name, made.device_id.encode(), encode_wire(status()), NOW_US)
        room.take(RESULTS.name, made.device_id.encode(), encode(result(bed, ward=ward)), NOW_US)


def raise_alarm(room: Room, state: AlarmState) -> None:
    room.take(ALARM_STATE.name, state.device_id.encode(), encode(state), NOW_US)
