"""What only one of several consoles may do at a time: a lease in the database that they share."""

import time

from django.db.models import Q

from dashboards.console.outbox.models import Duty


def is_ours(name: str, who: str, *, for_s: float) -> bool:
    """Take the duty, or keep it; False while another console has it.

    Whoever holds it asks again within `for_s`, or somebody else takes it over.
    """
    now_us = time.time_ns() // 1000
    values = {"holder": who, "until_us": now_us + round(for_s * 1e6)}
    free = Duty.objects.filter(name=name).filter(Q(holder=who) | Q(until_us__lt=now_us))
    if free.update(**values):
        return True
    _, is_new = Duty.objects.get_or_create(name=name, defaults=values)
    return bool(is_new)


def alone(name: str) -> None:
    """Wait until nobody else is at it, and keep others out until this transaction ends.

    SQLite lets one transaction write at a time anyway; PostgreSQL runs them side by side, and
    neither would see what the other is about to do.
    """
    Duty.objects.get_or_create(name=name, defaults={"holder": "", "until_us": 0})
    Duty.objects.select_for_update().get(name=name)


def leave(name: str, who: str) -> None:
    """Let others have it at once."""
    Duty.objects.filter(name=name, holder=who).update(until_us=0)
