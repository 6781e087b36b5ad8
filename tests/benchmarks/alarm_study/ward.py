"""All streams at once before the real alarm rules: the whole rule set, as a ward runs it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ingest.chunk import DeviceStatus
from models.contract import PIPELINE_GRID
from stream_processors.alarms.conditions import BRADYCARDIA, TACHYCARDIA, family
from stream_processors.alarms.limits import BUILT_IN, with_profile
from stream_processors.alarms.profiles import Profiles
from stream_processors.alarms.replay import Recorded, Replay
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import (
    AlarmEvent,
    AlarmKind,
    Assignment,
    AudioReference,
    Quality,
    StageTimes,
    Strip,
    WindowResult,
)
from stream_processors.results import STRIP_RATE_HZ
from tests.benchmarks.alarm_study.hearing import Stream, Told
from tests.benchmarks.alarm_study.rules import Point, told_after_s

_START_US = 1_790_000_000_000_000
_AUDIO = AudioReference(topic="pcg.audio", partition=0, first_offset=0, last_offset=0)

# What a ward for children sets: the highest rates awake, and the lowest asleep, of the American
# Heart Association's Pediatric Advanced Life Support; CirCor's children are 1 to 12 years old.
_LIMITS_OF_AGE = MappingProxyType(
    {
        "neonate": {"tachycardia_bpm": 205.0, "bradycardia_bpm": 80.0},
        "infant": {"tachycardia_bpm": 180.0, "bradycardia_bpm": 75.0},
        "child": {"tachycardia_bpm": 140.0, "bradycardia_bpm": 50.0},
    }
)


_MARKS_ERR_BPM = 5.0


class Raised(NamedTuple):
    """An alarm of a stream; `at_s` from its first sample.

    `is_right` of a rate that the annotators' marks bear out, within 5 bpm.
    """

    condition: str
    kind: AlarmKind
    at_s: float
    is_right: bool = False


def raised(streams: Sequence[Stream], point: Point | None) -> list[list[Raised]]:
    """The alarms of each stream, under the limits built in or with another rule for findings."""
    ids = [f"bed-{number}" for number in range(len(streams))]
    assignments = AssignmentHistory()
    for device_id, stream in zip(ids, streams, strict=True):
        assignments.step(device_id, _assignment(device_id, stream))
    by_id = dict(zip(ids, streams, strict=True))
    ward = Replay(_profiles(point), assignments)
    of: defaultdict[str, list[Raised]] = defaultdict(list)
    for event in ward.run(_recorded(ids, streams)):
        if event.transition == "raised":
            of[event.device_id].append(_raised(event, by_id[event.device_id]))
    return [of[device_id] for device_id in ids]


def _profiles(point: Point | None) -> Profiles:
    if point is None:
        return Profiles()
    rule = point.rule
    limits = {
        "finding_probability": point.probability,
        "finding_clear_probability": point.clear_probability,
        "finding_k": rule.k,
        "finding_n": rule.n,
        "finding_clear_k": rule.clear_k,
        "finding_clear_n": rule.clear_n,
    }
    return Profiles(with_profile(BUILT_IN, limits, where="the study"))


def _assignment(device_id: str, stream: Stream) -> Assignment:
    return Assignment(
        assignment_id=device_id,
        device_id=device_id,
        patient_id=stream.person,
        ward="study",
        bed=device_id,
        from_us=0,
        limits=dict(_LIMITS_OF_AGE.get(stream.age_group or "", {})),
    )


def _recorded(ids: Sequence[str], streams: Sequence[Stream]) -> Iterator[Recorded]:
    """Contact first, then the windows of all beds as they become whole."""
    for device_id in ids:
        status = DeviceStatus(state="online", boot_id=0, at_us=_START_US, contact=True)
        yield Recorded(_START_US, device_id, status)
    longest = max(len(stream.windows) for stream in streams)
    for index in range(longest):
        for device_id, stream in zip(ids, streams, strict=True):
            if index < len(stream.windows):
                result = _result(device_id, index, stream.windows[index])
                yield Recorded(result.stages.received_us, device_id, result)


def _result(device_id: str, index: int, told: Told) -> WindowResult:
    received_us = _START_US + round(told_after_s(index) * 1e6)
    quality = told.quality
    return WindowResult(
        device_id=device_id,
        boot_id=0,
        window_index=index,
        start_us=received_us - round(PIPELINE_GRID.window_s * 1e6),
        window_s=PIPELINE_GRID.window_s,
        gap_fraction=0.0,
        late=False,
        assignment_id=device_id,
        quality=Quality(score=quality.score, verdict=quality.verdict, reasons=quality.reasons),
        heart=told.heart,
        findings=told.findings,
        strip=Strip(sample_rate_hz=STRIP_RATE_HZ, full_scale=told.peak, samples=b""),
        audio=_AUDIO,
        stages=StageTimes(
            captured_us=received_us,
            received_us=received_us,
            windowed_us=received_us,
            inferred_us=received_us,
        ),
    )


def _raised(event: AlarmEvent, stream: Stream) -> Raised:
    condition = family(event.condition)
    at_s = (event.at_us - _START_US) / 1e6
    return Raised(condition, event.kind, at_s, _is_right(condition, event.limit, stream.marked_bpm))


def _is_right(
    condition: str, limit_bpm: float | None, marked_bpm: tuple[float, float] | None
) -> bool:
    if marked_bpm is None or limit_bpm is None:
        return False
    lowest_bpm, highest_bpm = marked_bpm
    if condition == TACHYCARDIA:
        return highest_bpm > limit_bpm - _MARKS_ERR_BPM
    return condition == BRADYCARDIA and lowest_bpm < limit_bpm + _MARKS_ERR_BPM
