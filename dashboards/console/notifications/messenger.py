"""The thread that has messages delivered, again and again until they arrive or are too old."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable

from django.db import DatabaseError, close_old_connections

from dashboards.console.notifications.errand import Errand, Outcome
from dashboards.console.notifications.models import Delivery

_LOOK_EVERY_S = 1.0
_WAIT_S = 1.0  # for who answers at once, as nearly all do
_MOST_ATTEMPTS = 8
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 120.0
_BATCH = 5  # for one address at a time
_MOST_DUE = 500
_HELD_US = 60_000_000  # longer than an errand takes: who dies with it has it tried again
_GIVEN_UP_S = 50.0

_log = logging.getLogger(__name__)


class Messenger:
    """Takes what is due, the oldest first; of several consoles each takes what no other holds.

    Every rule has an errand of its own, so an address that does not answer delays no other.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._errands: dict[int, Errand] = {}

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
        """Send out what is due, and return how much was delivered by now."""
        for rule_id, deliveries in self._due(now_us).items():
            taken = [delivery for delivery in deliveries if _take(delivery, now_us)]
            if taken:
                self._errands[rule_id] = Errand(taken, now_us)
        until_s = time.monotonic() + _WAIT_S
        for errand in self._errands.values():
            errand.wait(max(0.0, until_s - time.monotonic()))
        return sum(self._settle(rule_id, now_us) for rule_id in list(self._errands))

    def _due(self, now_us: int) -> dict[int, list[Delivery]]:
        """What is due of each rule of which nobody is under way."""
        due = Delivery.objects.filter(state="waiting", due_us__lte=now_us)
        waiting = due.exclude(rule_id__in=list(self._errands)).select_related("rule")
        of_rule: dict[int, list[Delivery]] = {}
        for delivery in waiting.order_by("due_us")[:_MOST_DUE]:
            of_rule.setdefault(delivery.rule_id, []).append(delivery)
        return {rule_id: deliveries[:_BATCH] for rule_id, deliveries in of_rule.items()}

    def _settle(self, rule_id: int, now_us: int) -> int:
        errand = self._errands[rule_id]
        delivered = self._note(errand.outcomes(), now_us)
        if errand.is_over:
            delivered += self._note(errand.outcomes(), now_us)
            del self._errands[rule_id]
        elif now_us - errand.began_us > _GIVEN_UP_S * 1e6:
            delivered += self._note(errand.abandoned(), now_us)
        return delivered

    def _note(self, outcomes: Iterable[Outcome], now_us: int) -> int:
        delivered = 0
        for delivery, error, answer in outcomes:
            delivery.attempts += 1
            delivery.answer = (error or answer)[:300]
            if error:
                self._put_off(delivery, error, now_us)
            else:
                delivery.state = "delivered"
                self._counts["delivered"] += 1
                delivered += 1
            _store(delivery)
        return delivered

    def _put_off(self, delivery: Delivery, error: str, now_us: int) -> None:
        """To be tried again after a while; or not, if it was tried often."""
        pause_s = min(_FIRST_PAUSE_S * 2 ** (delivery.attempts - 1), _LONGEST_PAUSE_S)
        delivery.due_us = now_us + round(pause_s * 1e6)
        if delivery.attempts >= _MOST_ATTEMPTS:
            delivery.state = "given up"
            self._counts["given_up"] += 1
            _log.error("%s was not told: %s", delivery.rule, error)


def _store(delivery: Delivery) -> None:
    """Unless it went with its rule meanwhile."""
    Delivery.objects.filter(pk=delivery.pk).update(
        attempts=delivery.attempts,
        answer=delivery.answer,
        due_us=delivery.due_us,
        state=delivery.state,
    )


def _take(delivery: Delivery, now_us: int) -> bool:
    """Hold it for a while; False where another console was quicker."""
    as_read = Delivery.objects.filter(
        pk=delivery.pk, state="waiting", due_us=delivery.due_us, attempts=delivery.attempts
    )
    return bool(as_read.update(due_us=now_us + _HELD_US))
