"""One batch of records into the database, in one transaction; done twice it changes nothing."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction

from dashboards.console.admissions import desk
from dashboards.console.history.minutes import sum_up
from dashboards.console.history.models import AlarmTransition, Clip, Erasure, Window
from dashboards.console.history.rows import fuller, transition_row, wanted_clip, window_row
from dashboards.console.notifications.rules import announce
from stream_processors.records import AlarmEvent, Assignment, WindowResult, identity

_FIXED = ("id", "device_id", "boot_id", "window_index")


class Published(NamedTuple):
    """A result and when Kafka got it."""

    result: WindowResult
    at_us: int


class Batch(NamedTuple):
    results: list[Published]
    events: list[AlarmEvent]
    assignments: list[Assignment]


def write(batch: Batch) -> None:
    """Store it whole or not at all."""
    with transaction.atomic():
        for assignment in batch.assignments:
            desk.mirror(assignment)
        wanted = _without_erased(batch)
        _write_windows(wanted.results)
        _write_events(wanted.events)


def _without_erased(batch: Batch) -> Batch:
    """Without what is told of patients of the time up to which they were erased."""
    told = {p.result.patient_id for p in batch.results} | {e.patient_id for e in batch.events}
    erased = Erasure.objects.filter(pseudonym__in=told - {None})
    until_us: dict[str, int] = dict(erased.values_list("pseudonym", "until_us"))
    if not until_us:
        return batch

    def is_kept(patient_id: str | None, at_us: int) -> bool:
        return at_us >= until_us.get(patient_id or "", 0)

    return Batch(
        [p for p in batch.results if is_kept(p.result.patient_id, p.result.start_us)],
        [event for event in batch.events if is_kept(event.patient_id, event.at_us)],
        batch.assignments,
    )


def _write_windows(results: Sequence[Published]) -> None:
    rows = {identity(r): window_row(r, at_us) for r, at_us in _fullest(results)}
    if not rows:
        return
    stored = {
        (row["device_id"], row["boot_id"], row["window_index"]): row
        for row in Window.objects.filter(
            device_id__in={device_id for device_id, _, _ in rows},
            boot_id__in={boot_id for _, boot_id, _ in rows},
            window_index__in={index for _, _, index in rows},
        ).values("id", "gap_fraction", "device_id", "boot_id", "window_index")
    }
    better = [row for key, row in rows.items() if key in stored and fuller(row, stored[key])]
    for row in better:
        row.pk = stored[row.device_id, row.boot_id, row.window_index]["id"]
    fields = Window._meta.concrete_fields  # noqa: SLF001 (its public name)
    changed = [field.name for field in fields if field.name not in _FIXED]
    Window.objects.bulk_update(better, changed)
    fresh = [row for key, row in rows.items() if key not in stored]
    Window.objects.bulk_create(fresh, ignore_conflicts=True)
    sum_up([*fresh, *better])


def _fullest(results: Sequence[Published]) -> list[Published]:
    """Of several versions of a window in one batch the one with the smallest gap."""
    best: dict[tuple[str, int, int], Published] = {}
    for published in results:
        key = identity(published.result)
        known = best.get(key)
        if known is None or published.result.gap_fraction < known.result.gap_fraction:
            best[key] = published
    return list(best.values())


def _write_events(events: Sequence[AlarmEvent]) -> None:
    by_id = {event.event_id: event for event in events}
    known = set(
        AlarmTransition.objects.filter(event_id__in=by_id).values_list("event_id", flat=True)
    )
    fresh = [event for event_id, event in by_id.items() if event_id not in known]
    AlarmTransition.objects.bulk_create(map(transition_row, fresh), ignore_conflicts=True)
    clips = [clip for event in fresh if (clip := wanted_clip(event)) is not None]
    Clip.objects.bulk_create(clips, ignore_conflicts=True)
    announce(fresh)
