"""An outbox on a device, and the bridge that it sends to."""

from typing import NamedTuple

from ingest.chunk import Lane
from ingest.outbox import Outbox
from ingest.positions import LivePatience
from ingest.sound_buffer import Recorded, SoundBuffer
from models.contract import PIPELINE_GRID

RATE_HZ = 2000
SECOND_US = 1_000_000
GRID = PIPELINE_GRID.at(RATE_HZ)
OVERLAP = 6  # chunks of 1 s that hold a window and its pre-roll


class Sent(NamedTuple):
    lane: Lane
    seq: int
    first: int
    end: int
    kept_from: int


class Bridge:
    """Knows which chunks arrived in time for their lane, and how far that goes without a hole."""

    def __init__(self) -> None:
        self._patience = LivePatience(RATE_HZ)
        self.stored: dict[Lane, set[int]] = {Lane.AUDIO: set(), Lane.HISTORY: set()}
        self._ends: dict[int, int] = {}
        self._position = 0

    def store(self, message: Sent, now_us: int) -> None:
        if message.lane is Lane.AUDIO and self._patience.is_over(
            message.first, message.end, now_us
        ):
            return
        self.stored[message.lane].add(message.seq)
        self._ends[message.first] = message.end
        self._position = max(self._position, message.kept_from)
        while self._position in self._ends:
            self._position = self._ends[self._position]

    @property
    def stored_to(self) -> int:
        return self._position


class Device:
    """An outbox that is given a chunk and asked what is due, once per chunk length."""

    def __init__(self, chunk_s: float = 1.0) -> None:
        self.outbox = Outbox(RATE_HZ)
        self.buffer: SoundBuffer = self.outbox.buffer
        self.chunk = round(chunk_s * RATE_HZ)
        self.now_us = 0
        self.seq = 0
        self.sent: list[Sent] = []
        self.bridge = Bridge()

    def record(self) -> None:
        self.now_us += self.chunk * SECOND_US // RATE_HZ
        first = self.seq * self.chunk
        self.outbox.keep(
            Recorded(
                seq=self.seq,
                first=first,
                end=first + self.chunk,
                captured_at_us=0,
                recorded_us=self.now_us,
                encoded=b"",
            )
        )
        self.seq += 1

    def send(self) -> list[Sent]:
        batch = [
            Sent(lane, c.seq, c.first, c.end, min(self.buffer.kept_from, c.first))
            for lane, c in self.outbox.due(self.now_us)
        ]
        self.sent += batch
        return batch

    def run(self, chunks: int) -> list[Sent]:
        """Record and send so many chunks over a connection that stands."""
        batch = []
        for _ in range(chunks):
            self.record()
            batch += self.send()
        return batch

    def run_and_hear(self, chunks: int) -> list[Sent]:
        """The same, and a bridge gets all of it and says so."""
        batch = []
        for _ in range(chunks):
            batch += self.run(1)
            for message in batch:
                self.bridge.store(message, self.now_us)
            self.hear(self.bridge.stored_to)
        return batch

    def miss(self, chunks: int) -> None:
        """Record without a connection."""
        for _ in range(chunks):
            self.record()

    def connect(self) -> None:
        self.outbox.on_connected(self.now_us)

    def hear(self, stored_to_sample: int) -> None:
        self.outbox.on_ack(stored_to_sample, self.now_us)


def seconds(batch: list[Sent], lane: Lane) -> list[int]:
    return [sent.seq for sent in batch if sent.lane is lane]


def online() -> Device:
    device = Device()
    device.connect()
    return device
