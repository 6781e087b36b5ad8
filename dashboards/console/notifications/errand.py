"""A thread that tells one address what is due to it, one message after the other."""

import threading
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from dashboards.console.notifications.channels import DeliveryError, deliver
from dashboards.console.notifications.models import Delivery

_NO_ANSWER = "no answer; it is tried again once the connection has ended"


class Outcome(NamedTuple):
    """`error` says why it did not get there; empty if it did."""

    delivery: Delivery
    error: str
    answer: str


class Errand:
    """It knows no database: who sent it writes down what became of each message.

    A thread cannot be ended. One whose peer keeps it is abandoned with what it had still to tell,
    and holds up nobody but its own address.
    """

    def __init__(self, deliveries: Sequence[Delivery], began_us: int) -> None:
        self.began_us = began_us
        self._open = {delivery.pk: delivery for delivery in deliveries}
        self._told: SimpleQueue[Outcome] = SimpleQueue()
        self._is_abandoned = False
        what = [(d, d.rule.channel, d.rule.address) for d in deliveries]
        self._thread = threading.Thread(target=self._run, args=(what,), daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, most_s: float) -> None:
        self._thread.join(most_s)

    def outcomes(self) -> Iterator[Outcome]:
        """Of messages that are settled since it was last asked."""
        while True:
            try:
                outcome = self._told.get_nowait()
            except Empty:
                return
            if self._open.pop(outcome.delivery.pk, None) is not None:
                yield outcome

    def abandoned(self) -> Iterator[Outcome]:
        """Give up all that is not settled."""
        self._is_abandoned = True
        while self._open:
            _, delivery = self._open.popitem()
            yield Outcome(delivery, _NO_ANSWER, "")

    def _run(self, what: Sequence[tuple[Delivery, str, str]]) -> None:
        for delivery, channel, address in what:
            if self._is_abandoned:
                return
            self._told.put(_told(delivery, channel, address))


def _told(delivery: Delivery, channel: str, address: str) -> Outcome:
    try:
        return Outcome(delivery, "", deliver(channel, address, delivery.message))
    except DeliveryError as error:
        return Outcome(delivery, str(error) or "it failed", "")
    except Exception as error:  # noqa: BLE001 (whatever a peer makes a library trip over)
        return Outcome(delivery, f"{type(error).__name__}: {error}", "")
