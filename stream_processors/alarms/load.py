"""How many alarms a ward had to bear: pure figures of the events of a period.

An alarm is an episode that was raised; what rang in it, and how often, is counted beside it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from stream_processors.alarms.conditions import AUDIO_PAUSE, STANDBY
from stream_processors.alarms.limits import PRIORITIES
from stream_processors.records import AlarmEvent, AlarmKind, Assignment, Priority

_NOT_ALARMS = (AUDIO_PAUSE, STANDBY)
_HOUR_US = 3_600_000_000
_MOST_PATIENTS = 10


class Row(NamedTuple):
    """Alarms of one condition and priority.

    `acknowledged_s` is the median time from ringing to the acknowledgement, of those that were.
    """

    condition: str
    kind: AlarmKind
    priority: Priority
    alarms: int
    rings: int
    per_patient_hour: float | None
    acknowledged: float
    acknowledged_s: float | None


class Burden(NamedTuple):
    """What one patient caused."""

    patient_id: str
    ward: str | None
    bed: str | None
    alarms: int
    share: float


class Load(NamedTuple):
    """A whole period."""

    patient_hours: float
    alarms: int
    rings: int
    per_patient_hour: float | None
    acknowledged: float
    acknowledged_s: float | None
    rows: tuple[Row, ...]
    patients: tuple[Burden, ...]
    pipeline_alarms: int


class _Episode:
    def __init__(self, event: AlarmEvent) -> None:
        self.first = event
        self.rings = 0
        self.rang_us: int | None = None
        self.answered_us: int | None = None

    def take(self, event: AlarmEvent) -> None:
        if event.rings:
            self.rings += 1
            self.rang_us = event.at_us if self.rang_us is None else self.rang_us
        if event.transition == "acknowledged" and self.answered_us is None:
            self.answered_us = event.at_us

    @property
    def answered_s(self) -> float | None:
        if self.answered_us is None or self.rang_us is None:
            return None
        return (self.answered_us - self.rang_us) / 1e6


def load_of(events: Iterable[AlarmEvent], *, patient_hours: float) -> Load:
    """Count; repetitions of an event count once, and the pipeline's own alarms apart."""
    episodes = _raised(events)
    of_patients = [e for e in episodes if not e.first.device_id.startswith("_")]
    groups: defaultdict[tuple[int, str], list[_Episode]] = defaultdict(list)
    for episode in of_patients:
        rank = PRIORITIES.index(episode.first.priority)
        groups[-rank, episode.first.condition].append(episode)
    return Load(
        patient_hours=patient_hours,
        alarms=len(of_patients),
        rings=sum(e.rings for e in of_patients),
        per_patient_hour=_rate(of_patients, patient_hours),
        acknowledged=_share_answered(of_patients),
        acknowledged_s=_median_answer_s(of_patients),
        rows=tuple(_row(groups[key], patient_hours) for key in sorted(groups)),
        patients=_burdens(of_patients),
        pipeline_alarms=len(episodes) - len(of_patients),
    )


def patient_hours(assignments: Iterable[Assignment], *, from_us: int, until_us: int) -> float:
    """For how long patients wore devices in a period, all together."""
    worn_us = 0
    for assignment in assignments:
        ended_us = until_us if assignment.until_us is None else assignment.until_us
        worn_us += max(0, min(ended_us, until_us) - max(assignment.from_us, from_us))
    return worn_us / _HOUR_US


def _raised(events: Iterable[AlarmEvent]) -> list[_Episode]:
    """Episodes that became alarms in the period, and those that rang in it."""
    episodes: dict[str, _Episode] = {}
    seen: set[str] = set()
    for event in events:
        if event.event_id in seen or event.condition in _NOT_ALARMS:
            continue
        seen.add(event.event_id)
        if event.transition == "raised" or event.rings:
            episodes.setdefault(event.episode_id, _Episode(event))
        if event.episode_id in episodes:
            episodes[event.episode_id].take(event)
    return list(episodes.values())


def _row(episodes: Sequence[_Episode], hours: float) -> Row:
    first = episodes[0].first
    return Row(
        condition=first.condition,
        kind=first.kind,
        priority=first.priority,
        alarms=len(episodes),
        rings=sum(e.rings for e in episodes),
        per_patient_hour=_rate(episodes, hours),
        acknowledged=_share_answered(episodes),
        acknowledged_s=_median_answer_s(episodes),
    )


def _rate(episodes: Sequence[_Episode], hours: float) -> float | None:
    return len(episodes) / hours if hours > 0 else None


def _share_answered(episodes: Sequence[_Episode]) -> float:
    answered = sum(e.answered_us is not None for e in episodes)
    return answered / len(episodes) if episodes else 0.0


def _median_answer_s(episodes: Sequence[_Episode]) -> float | None:
    times = [e.answered_s for e in episodes if e.answered_s is not None]
    return median(times) if times else None


def _burdens(episodes: Sequence[_Episode]) -> tuple[Burden, ...]:
    last = {e.first.patient_id or e.first.device_id: e.first for e in episodes}
    counts = Counter(e.first.patient_id or e.first.device_id for e in episodes)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Burden(patient, last[patient].ward, last[patient].bed, count, count / len(episodes))
        for patient, count in ordered[:_MOST_PATIENTS]
    )
