"""The thread that delivers messages, again and again until they arrive or are too old."""

import logging
import threading
import time
from collections import Counter

from django.db import DatabaseError, close_old_connections

from dashboards.console.notifications.channels import DeliveryError, deliver
from dashboards.console.notifications.models import Delivery

_LOOK_EVERY_S = 1.0
_MOST_ATTEMPTS = 8
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 120.0
_BATCH = 20
_HELD_US = 60_000_000  # longer than any channel takes: who dies with it has it tried again

_log = logging.getLogger(__name__)


class Messenger:
    """Takes what is due, the oldest first; of several consoles each takes what no other holds."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def counters(self) -> dict[str, float]:
        return {f"messages_{name}": float(count) for name, count in self._counts.items()}

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                close_old_connections()
                self.step(time.time_ns() // 1000)
            except DatabaseError as error:
                _log.warning("messages cannot be read: %s", error)
            stop.wait(_LOOK_EVERY_S)

    def step(self, now_us: int) -> int:
        """Try what is due and return how much was delivered."""
        due = Delivery.objects.filter(state="waiting", due_us__lte=now_us)
        return sum(
            self._try(delivery, now_us)
            for delivery in due.select_related("rule").order_by("due_us")[:_BATCH]
            if _take(delivery, now_us)
        )

    def _try(self, delivery: Delivery, now_us: int) -> bool:
        delivery.attempts += 1
        try:
            delivery.answer = deliver(
                delivery.rule.channel, delivery.rule.address, delivery.message
            )
        except DeliveryError as error:
            delivery.answer = str(error)[:300]
            pause_s = min(_FIRST_PAUSE_S * 2 ** (delivery.attempts - 1), _LONGEST_PAUSE_S)
            delivery.due_us = now_us + round(pause_s * 1e6)
            if delivery.attempts >= _MOST_ATTEMPTS:
                delivery.state = "given up"
                self._counts["given_up"] += 1
                _log.error("%s was not told: %s", delivery.rule, error)
        else:
            delivery.state = "delivered"
            self._counts["delivered"] += 1
        delivery.save()
        return bool(delivery.state == "delivered")


def _take(delivery: Delivery, now_us: int) -> bool:
    """Hold it for a while; False where another console was quicker."""
    as_read = Delivery.objects.filter(
        pk=delivery.pk, state="waiting", due_us=delivery.due_us, attempts=delivery.attempts
    )
    return bool(as_read.update(due_us=now_us + _HELD_US))
