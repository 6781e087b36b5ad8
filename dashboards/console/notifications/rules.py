"""Which alarms are told to whom; the message names bed and condition, never the patient."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from dashboards.console.live.words import cause_in_words, title
from dashboards.console.notifications.models import PRIORITIES, Delivery, Rule
from stream_processors.records import AlarmEvent

_TOLD = frozenset({"raised", "returned", "reminded", "rang", "escalated", "unshelved"})
DISCLAIMER = "Research software, not a medical device."


def announce(events: Iterable[AlarmEvent]) -> None:
    """Put a message into the queue for each rule that an event fits."""
    calling = [e for e in events if is_told(e)]
    if not calling:
        return
    now_us = time.time_ns() // 1000
    deliveries = [
        Delivery(
            rule=rule,
            event_id=event.event_id,
            ward=event.ward or "",
            message=message_of(event),
            created_us=now_us,
            due_us=now_us,
        )
        for rule in Rule.objects.filter(active=True)
        for event in calling
        if fits(rule, event)
    ]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)


def is_told(event: AlarmEvent) -> bool:
    """What rings or escalates, of the present."""
    is_call = event.rings or event.transition == "escalated"
    return event.transition in _TOLD and is_call and not event.late


def fits(rule: Rule, event: AlarmEvent) -> bool:
    if rule.ward and rule.ward != (event.ward or ""):
        return False
    if PRIORITIES.index(event.priority) > PRIORITIES.index(rule.priority):
        return False
    return bool(event.escalation >= rule.escalation)


def message_of(event: AlarmEvent) -> dict[str, Any]:
    """What is sent; a pseudonym would be personal data at a server of somebody else."""
    return {
        "ward": event.ward,
        "bed": event.bed,
        "device": event.device_id,
        "condition": title(event.condition),
        "priority": event.priority,
        "kind": event.kind,
        "cause": cause_in_words(event.cause),
        "transition": event.transition,
        "escalation": event.escalation,
        "at": datetime.fromtimestamp(event.at_us / 1e6, UTC).isoformat(),
        "episode_id": event.episode_id,
        "disclaimer": DISCLAIMER,
    }
