"""The thread that brings records from the outbox to Kafka."""

import logging
import threading
import time
from functools import partial

from django.db import DatabaseError, close_old_connections, transaction

from dashboards.console.outbox import duty
from dashboards.console.outbox.models import Outgoing
from ingest.kafka_sink import KafkaSink

_LOOK_EVERY_S = 0.5
_BATCH = 200
_FLUSH_S = 1.0
_DUTY, _DUTY_S = "outbox", 3.0  # so long what a dead console was to send waits for another
_KEPT_US = 3600 * 1_000_000

_log = logging.getLogger(__name__)
_wake = threading.Event()


def wake_after_commit() -> None:
    """Have what was posted in this transaction sent at once."""
    transaction.on_commit(_wake.set)


class Postman:
    """Owns the sink: nothing else may use it.

    Of several consoles one sends for all: a record that is sent again by another could come after
    a newer one of its key, and a discharge would be undone.
    """

    def __init__(self, sink: KafkaSink, *, who: str = "console") -> None:
        self._sink = sink
        self._who = who
        self.waiting = 0
        self._in_flight: set[int] = set()
        self._held: list[int] = []

    def run(self, stop: threading.Event) -> None:
        """Send what is there, and what comes, until told to stop."""
        while not stop.is_set():
            try:
                close_old_connections()
                if self._has_work() and duty.is_ours(_DUTY, self._who, for_s=_DUTY_S):
                    self.step()
            except DatabaseError as error:
                _log.warning("the outbox cannot be read: %s", error)
                stop.wait(1.0)
            _wake.wait(_LOOK_EVERY_S)
            _wake.clear()
        duty.leave(_DUTY, self._who)

    def step(self) -> int:
        """Send what waits and return how much Kafka holds that it did not hold before."""
        waiting = Outgoing.objects.filter(sent_us=None).exclude(pk__in=self._in_flight)
        for outgoing in waiting.order_by("id")[: _BATCH - len(self._in_flight)]:
            self._in_flight.add(outgoing.pk)
            self._sink.produce(
                outgoing.topic,
                bytes(outgoing.key),
                bytes(outgoing.value),
                timestamp_ms=time.time_ns() // 1_000_000,
                on_delivery=partial(self._delivered, outgoing.pk),
            )
        self.waiting = len(self._in_flight)
        if self._in_flight:
            self._sink.flush(_FLUSH_S)
        return self._note_held()

    def _has_work(self) -> bool:
        return bool(self._in_flight) or Outgoing.objects.filter(sent_us=None).exists()

    def _note_held(self) -> int:
        held, self._held = self._held, []
        if held:
            now_us = time.time_ns() // 1000
            Outgoing.objects.filter(pk__in=held).update(sent_us=now_us)
            Outgoing.objects.filter(sent_us__lt=now_us - _KEPT_US).delete()
        return len(held)

    def _delivered(self, number: int, refusal: str | None) -> None:
        if refusal is not None:
            _log.error("Kafka refuses record %d of the outbox for good: %s", number, refusal)
        self._in_flight.discard(number)
        self._held.append(number)


def is_sent(number: int) -> bool:
    return bool(Outgoing.objects.filter(pk=number, sent_us__isnull=False).exists())


def wait_until_sent(number: int, *, timeout_s: float) -> bool:
    """Whether Kafka holds the record within this time; for a thread, never the event loop."""
    deadline_s = time.monotonic() + timeout_s
    while not is_sent(number):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True
