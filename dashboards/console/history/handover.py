"""What the next shift should know of a ward, bed by bed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import F, Min

from dashboards.console.admissions.models import Assignment
from dashboards.console.history.models import MINUTE_US, AlarmTransition, Minute, Note
from dashboards.console.live.pictures import AlarmPicture, BedPicture
from dashboards.console.live.words import title
from dashboards.console.notifications.models import PRIORITIES

_Row = TypeVar("_Row", Minute, AlarmTransition, Note)


@dataclass
class BedReport:
    """One patient in one bed. Rates are of minutes' means.

    `heard` and `worn` are minutes since 1970: those of which there is a result, and those in which
    a device was worn all the time.
    """

    bed: str
    patient_id: str
    device_ids: set[str] = field(default_factory=set)
    heard: set[int] = field(default_factory=set)
    worn: list[range] = field(default_factory=list)
    good_share: float | None = None
    rate_bpm: float | None = None
    rate_low_bpm: float | None = None
    rate_high_bpm: float | None = None
    rate_change_bpm: float | None = None
    abnormal_share: float | None = None
    missing_share: float | None = None
    raised: list[tuple[str, str, int]] = field(default_factory=list)
    still_open: list[AlarmPicture] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def minutes(self) -> int:
        return len(self.heard)

    @property
    def gap_minutes(self) -> int:
        """Without any sound though a device was worn.

        Where nobody says when it was, between the first and the last that was heard.
        """
        worn = self.worn
        if not worn and self.heard:
            worn = [range(min(self.heard), max(self.heard))]
        return len(set().union(*worn) - self.heard)


def report(
    ward: str, from_us: int, until_us: int, now: Iterable[BedPicture] = ()
) -> list[BedReport]:
    """Every bed in which somebody lay in this time, in the order of the beds.

    `now` are the beds as they stand: what is open there is told however long ago it began, and
    whoever lies there is told of even if nothing was heard.
    """
    beds: dict[tuple[str, str], BedReport] = {}

    def of(bed: str, patient_id: str) -> BedReport:
        return beds.setdefault((bed, patient_id), BedReport(bed, patient_id))

    for worn in _worn(ward, from_us, until_us):
        one = of(worn.bed.name, worn.patient.pseudonym)
        one.worn.append(_whole_minutes(worn, from_us, until_us))
        one.device_ids.add(worn.device.device_id)
    minutes = Minute.objects.filter(ward=ward, minute_us__gte=from_us, minute_us__lt=until_us)
    for key, rows in _by_bed(minutes.order_by("minute_us")).items():
        _fill_trend(of(*key), rows, from_us, until_us)
    alarms = AlarmTransition.objects.filter(ward=ward, at_us__gte=from_us, at_us__lt=until_us)
    for key, rows in _by_bed(alarms.order_by("at_us", "transition_no")).items():
        of(*key).raised = _raised(rows)
    notes = Note.objects.filter(ward=ward, at_us__gte=from_us, at_us__lt=until_us)
    for key, rows in _by_bed(notes.order_by("at_us")).items():
        of(*key).notes = list(rows)
    for picture in now:
        if picture.ward == ward:
            one = of(picture.bed or "", picture.patient_id or "")
            one.device_ids.add(picture.device_id)
            one.still_open += picture.alarms
    return sorted(beds.values(), key=lambda one: (len(one.bed), one.bed, one.patient_id))


def _first_heard_us(worn: Assignment, until_us: int) -> int:
    """Of an assignment since ever: nobody says when the device was put on."""
    of_patient = Minute.objects.filter(
        device_id=worn.device.device_id, patient_id=worn.patient.pseudonym
    )
    first_us: int | None = of_patient.aggregate(first=Min("minute_us"))["first"]
    return until_us if first_us is None else first_us


def _by_bed(rows: Iterable[_Row]) -> dict[tuple[str, str], list[_Row]]:
    found: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.bed, row.patient_id].append(row)
    return found


def _worn(ward: str, from_us: int, until_us: int) -> Iterable[Assignment]:
    """Assignments that were in force at any moment of this time."""
    found: Iterable[Assignment] = (
        Assignment.objects.filter(bed__ward__name=ward, from_us__lt=until_us)
        .exclude(until_us__lte=from_us)
        .exclude(until_us__lte=F("from_us"))
        .select_related("device", "patient", "bed")
    )
    return found


def _whole_minutes(worn: Assignment, from_us: int, until_us: int) -> range:
    """Those that lie within the assignment and the time that is asked about."""
    begin_us = max(from_us, worn.from_us or _first_heard_us(worn, until_us))
    end_us = until_us if worn.until_us is None else min(until_us, worn.until_us)
    return range(-(-begin_us // MINUTE_US), end_us // MINUTE_US)


def _fill_trend(bed: BedReport, rows: Sequence[Minute], from_us: int, until_us: int) -> None:
    windows = sum(row.windows for row in rows)
    bed.device_ids |= {row.device_id for row in rows}
    bed.heard = {row.minute_us // MINUTE_US for row in rows}
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


def _raised(rows: Sequence[AlarmTransition]) -> list[tuple[str, str, int]]:
    """Priority, words and how often, the most urgent first."""
    raised: Counter[tuple[str, str]] = Counter(
        (row.priority, title(row.condition)) for row in rows if row.transition == "raised"
    )
    return sorted(
        ((priority, words, count) for (priority, words), count in raised.items()),
        key=lambda line: (PRIORITIES.index(line[0]), -line[2]),
    )
