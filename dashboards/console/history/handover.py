"""What the next shift should know of a ward, bed by bed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from dashboards.console.history.models import MINUTE_US, AlarmTransition, Minute, Note
from dashboards.console.live.words import cause_in_words, title

_Row = TypeVar("_Row", Minute, AlarmTransition, Note)


@dataclass
class BedReport:
    """One patient in one bed. Rates are of minutes' means; `gap_minutes` had no sound at all."""

    bed: str
    patient_id: str
    device_ids: set[str] = field(default_factory=set)
    minutes: int = 0
    gap_minutes: int = 0
    good_share: float | None = None
    rate_bpm: float | None = None
    rate_low_bpm: float | None = None
    rate_high_bpm: float | None = None
    rate_change_bpm: float | None = None
    abnormal_share: float | None = None
    missing_share: float | None = None
    raised: list[tuple[str, str, int]] = field(default_factory=list)
    still_open: list[AlarmTransition] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def report(
    ward: str, from_us: int, until_us: int, open_episodes: frozenset[str]
) -> list[BedReport]:
    """Every bed of which anything is known in this time, in the order of the beds.

    `open_episodes` are the alarms that are open now.
    """
    beds: dict[tuple[str, str], BedReport] = {}

    def of(bed: str, patient_id: str) -> BedReport:
        return beds.setdefault((bed, patient_id), BedReport(bed, patient_id))

    minutes = Minute.objects.filter(ward=ward, minute_us__gte=from_us, minute_us__lt=until_us)
    for key, rows in _by_bed(minutes.order_by("minute_us")).items():
        _fill_trend(of(*key), rows, from_us, until_us)
    alarms = AlarmTransition.objects.filter(ward=ward, at_us__gte=from_us, at_us__lt=until_us)
    for key, rows in _by_bed(alarms.order_by("at_us", "transition_no")).items():
        _fill_alarms(of(*key), rows, open_episodes)
    notes = Note.objects.filter(ward=ward, at_us__gte=from_us, at_us__lt=until_us)
    for key, rows in _by_bed(notes.order_by("at_us")).items():
        of(*key).notes = list(rows)
    return sorted(beds.values(), key=lambda one: (len(one.bed), one.bed, one.patient_id))


def _by_bed(rows: Iterable[_Row]) -> dict[tuple[str, str], list[_Row]]:
    found: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.bed, row.patient_id].append(row)
    return found


def _fill_trend(bed: BedReport, rows: Sequence[Minute], from_us: int, until_us: int) -> None:
    windows = sum(row.windows for row in rows)
    bed.device_ids = {row.device_id for row in rows}
    heard = {row.minute_us for row in rows}
    bed.minutes = len(heard)
    # Only between the first and the last minute: nobody says when the device was put on.
    bed.gap_minutes = (max(heard) - min(heard)) // MINUTE_US + 1 - len(heard)
    bed.good_share = sum(row.good for row in rows) / windows
    bed.missing_share = sum(row.gap_fraction * row.windows for row in rows) / windows
    rated = [row for row in rows if row.rate_bpm is not None]
    if rated:
        rates = [row.rate_bpm for row in rated]
        bed.rate_bpm = sum(rates) / len(rates)
        bed.rate_low_bpm = min(row.rate_low_bpm for row in rated)
        bed.rate_high_bpm = max(row.rate_high_bpm for row in rated)
        middle_us = (from_us + until_us) // 2
        early = [row.rate_bpm for row in rated if row.minute_us < middle_us]
        late = [row.rate_bpm for row in rated if row.minute_us >= middle_us]
        if early and late:
            bed.rate_change_bpm = sum(late) / len(late) - sum(early) / len(early)
    judged = [row for row in rows if row.abnormal_probability is not None]
    if judged:
        bed.abnormal_share = sum(r.abnormal_probability > 0.5 for r in judged) / len(judged)


def _fill_alarms(
    bed: BedReport, rows: Sequence[AlarmTransition], open_episodes: frozenset[str]
) -> None:
    raised: Counter[tuple[str, str]] = Counter(
        (row.priority, title(row.condition)) for row in rows if row.transition == "raised"
    )
    order = ("high", "medium", "low")
    bed.raised = sorted(
        ((priority, words, count) for (priority, words), count in raised.items()),
        key=lambda line: (order.index(line[0]), -line[2]),
    )
    last = {row.episode_id: row for row in rows}
    bed.still_open = [row for episode, row in last.items() if episode in open_episodes]
    for row in bed.still_open:
        row.title, row.cause = title(row.condition), cause_in_words(row.cause)
