"""A device that sends one chunk of 1 s a second, its bridge, and the watcher of both."""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from ingest.chunk import AudioChunk, DeviceAck, DeviceStatus, Lane, encode
from ingest.device_check import DeviceCheck
from ingest.device_findings import Finding

START_US = 1_790_000_000_000_000
RATE_HZ = 2000
NETWORK_US = 20_000


class Scene:
    """A device that sends one chunk of 1 s a second, its bridge, and the watcher, on one clock.

    A chunk arrives just after its end; `seconds` is the number of chunks recorded so far.
    """

    def __init__(self) -> None:
        self.check = DeviceCheck("d1", now_us=START_US)
        self.boot_id = 7
        self.boot_us = START_US
        self.seconds = 0
        self.acked_s = 0
        self.changes: dict[str, Any] = {}

    @property
    def now_us(self) -> int:
        return self.boot_us + self.seconds * 1_000_000 + NETWORK_US

    def chunk(self, seq: int) -> AudioChunk:
        first = seq * RATE_HZ
        chunk = AudioChunk(
            boot_id=self.boot_id,
            seq=seq,
            first_sample=first,
            kept_from_sample=min(self.acked_s * RATE_HZ, first),
            captured_at_us=self.boot_us + seq * 1_000_000,
            sample_rate_hz=RATE_HZ,
            samples=np.full(RATE_HZ, seq, dtype="<i2").tobytes(),
        )
        return msgspec.structs.replace(chunk, **self.changes)

    def say(
        self,
        lane: Lane | str,
        payload: bytes,
        *,
        group: str = "g1",
        qos: int = 1,
        retained: bool = False,
    ) -> None:
        topic = f"pcg/v1/{group}/d1/{lane}"
        self.check.step(self.now_us, topic, payload, qos=qos, retained=retained)

    def send(self, seqs: Iterable[int], lane: Lane = Lane.AUDIO, **how: Any) -> None:
        for seq in seqs:
            self.say(lane, encode(self.chunk(seq)), **how)

    def record(self, seconds: int, *, acks: bool = True, skip: Iterable[int] = ()) -> None:
        """Record and send live, second by second; every other second comes an ack."""
        for _ in range(seconds):
            seq = self.seconds
            self.seconds += 1
            if seq not in skip:
                self.send([seq])
            if acks and self.seconds % 2:
                self.ack(self.seconds)

    def wait(self, seconds: int) -> None:
        """Record without being able to send."""
        self.seconds += seconds

    def ack(self, stored_s: int) -> None:
        self.acked_s = stored_s
        ack = DeviceAck(
            boot_id=self.boot_id,
            stored_to_sample=stored_s * RATE_HZ,
            bridge_time_us=self.now_us,
        )
        self.say(Lane.ACK, encode(ack), qos=0)

    def status(self, *, retained: bool = True, **fields: Any) -> None:
        status = DeviceStatus(state="online", boot_id=self.boot_id, at_us=self.now_us)
        status = msgspec.structs.replace(status, **fields)
        self.say(Lane.STATUS, encode(status), retained=retained)

    def finding(self, rule: str, after_s: float = 0) -> Finding:
        report = self.check.report(self.now_us + int(after_s * 1_000_000))
        return next(finding for finding in report if finding.rule == rule)
