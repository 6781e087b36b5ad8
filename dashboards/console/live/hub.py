"""Who looks at the ward, and what is still to be sent to each.

Used from the event loop alone. A message is encoded once. A page that does not keep up loses what
waits and gets a new snapshot instead, so no slow page costs memory or delays another.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

MOST_WAITING_BYTES = 4 * 1024 * 1024

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, kw_only=True)
class Interest:
    """What a page may and wants to see.

    `wards` None stands for all; `unassigned` are devices on no bed; `device_id` is the one whose
    whole strips are wanted.
    """

    wards: frozenset[str] | None
    unassigned: bool
    device_id: str | None = None

    def sees(self, ward: str | None, device_id: str) -> bool:
        if self.device_id is not None and device_id != self.device_id:
            return False
        if not ward:
            return self.unassigned
        return self.wards is None or ward in self.wards


def message(event: str, picture: msgspec.Struct) -> bytes:
    """One event of ``text/event-stream``."""
    return b"event: " + event.encode() + b"\ndata: " + _encoder.encode(picture) + b"\n\n"


@dataclass(eq=False)
class Subscriber:
    """One page; iterate over `next` for what is to be sent."""

    interest: Interest
    _waiting: list[bytes] = field(default_factory=list)
    _bytes: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    overflowed: bool = False
    closed: bool = False

    def put(self, data: bytes) -> None:
        if self.overflowed:
            return
        self._waiting.append(data)
        self._bytes += len(data)
        if self._bytes > MOST_WAITING_BYTES:
            self._forget()
            self.overflowed = True
        self._wake.set()

    def close(self) -> None:
        self.closed = True
        self._wake.set()

    async def next(self) -> bytes:
        """All that waits, at least something; empty when closed or after an overflow."""
        while not self._waiting and not self.closed and not self.overflowed:
            self._wake.clear()
            await self._wake.wait()
        data = b"".join(self._waiting)
        self._forget()
        return data

    def _forget(self) -> None:
        self._waiting.clear()
        self._bytes = 0


class Hub:
    """Sends each message to those whom it concerns."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()

    def __len__(self) -> int:
        return len(self._subscribers)

    def join(self, interest: Interest) -> Subscriber:
        subscriber = Subscriber(interest)
        self._subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    def close(self) -> None:
        for subscriber in self._subscribers:
            subscriber.close()

    def to_all(self, event: str, picture: msgspec.Struct) -> None:
        data = message(event, picture) if self._subscribers else b""
        for subscriber in self._subscribers:
            subscriber.put(data)

    def of_bed(
        self, event: str, ward: str | None, device_id: str, make: Callable[[], msgspec.Struct]
    ) -> None:
        """Send to the pages that may see this bed; made only if there is one."""
        wanting = [s for s in self._subscribers if s.interest.sees(ward, device_id)]
        self._send(wanting, event, make)

    def strip(
        self, ward: str | None, device_id: str, make: Callable[[bool], msgspec.Struct]
    ) -> None:
        """Send a strip: whole to the pages of this bed, small to those of the ward."""
        seen = [s for s in self._subscribers if s.interest.sees(ward, device_id)]
        whole = [s for s in seen if s.interest.device_id == device_id]
        small = [s for s in seen if s.interest.device_id is None]
        self._send(whole, "strip", lambda: make(True))
        self._send(small, "strip", lambda: make(False))

    @staticmethod
    def _send(to: Iterable[Subscriber], event: str, make: Callable[[], msgspec.Struct]) -> None:
        data: bytes | None = None
        for subscriber in to:
            if data is None:
                data = message(event, make())
            subscriber.put(data)
