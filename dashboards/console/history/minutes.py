"""Minutes, summed up from the windows that begin in them.

They are computed from what is stored, not counted up, so that doing it twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Avg, Count, F, Max, Min, Q

from dashboards.console.history.models import MINUTE_US, Minute, Window

_SURE = 0.5  # a rate of less confidence is not counted
_KEY = ("device_id", "assignment_id", "minute_us")


def minute_of(start_us: int) -> int:
    return start_us - start_us % MINUTE_US


def sum_up(windows: Iterable[Window]) -> None:
    """Bring the minutes of these windows up to date."""
    devices: dict[int, set[str]] = defaultdict(set)
    for window in windows:
        devices[minute_of(window.start_us)].add(window.device_id)
    for minute_us, device_ids in devices.items():
        _write(list(_minutes(minute_us, device_ids)))


def _minutes(minute_us: int, device_ids: set[str]) -> Iterable[Minute]:
    good = Q(verdict="good")
    sure = good & Q(rate_confidence__gte=_SURE)
    sums = (
        Window.objects.filter(
            device_id__in=device_ids,
            start_us__gte=minute_us,
            start_us__lt=minute_us + MINUTE_US,
        )
        .values("device_id", "assignment_id")
        .annotate(
            of_patient=Max("patient_id"),
            in_ward=Max("ward"),
            in_bed=Max("bed"),
            all_windows=Count("id"),
            good_windows=Count("id", filter=good),
            gaps=Avg("gap_fraction"),
            score=Avg("quality"),
            rate=Avg("rate_bpm", filter=sure),
            rate_low=Min("rate_bpm", filter=sure),
            rate_high=Max("rate_bpm", filter=sure),
            abnormal=Avg("abnormal_probability", filter=good),
            delay_us=Avg(F("published_us") - F("received_us")),
        )
    )
    for row in sums:
        yield Minute(
            device_id=row["device_id"],
            assignment_id=row["assignment_id"],
            minute_us=minute_us,
            patient_id=row["of_patient"],
            ward=row["in_ward"],
            bed=row["in_bed"],
            windows=row["all_windows"],
            good=row["good_windows"],
            gap_fraction=row["gaps"],
            quality=row["score"],
            rate_bpm=row["rate"],
            rate_low_bpm=row["rate_low"],
            rate_high_bpm=row["rate_high"],
            abnormal_probability=row["abnormal"],
            latency_ms=float(row["delay_us"]) / 1000,
        )


def _write(minutes: list[Minute]) -> None:
    fields = Minute._meta.concrete_fields  # noqa: SLF001 (its public name)
    changed = [field.name for field in fields if field.name not in (*_KEY, "id")]
    Minute.objects.bulk_create(
        minutes, update_conflicts=True, unique_fields=_KEY, update_fields=changed
    )
