"""A cheap source of chunks at an even pace, so that a measurement measures the receiver."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import mqtt5

from ingest.chunk import AudioChunk, encode
from tests.servers import Server

_TICK_S = 0.002
_RATE_HZ = 2000


class ChunkLoad:
    """Devices that send 1 s of PCM at 2 kHz each second, over one connection, QoS 1."""

    def __init__(self, mqtt: Server, *, devices: int, group: str) -> None:
        self.sent = 0
        self._devices = devices
        self._group = group
        self._socket = socket.create_connection(("127.0.0.1", mqtt.port))
        hello = mqtt5.ConnectPacket(f"load-{group}", clean_start=True, keep_alive=60)
        self._socket.sendall(hello.write())
        answer, _ = mqtt5.read(memoryview(self._socket.recv(1000)))
        assert isinstance(answer, mqtt5.ConnAckPacket)

    def run(self, seconds: float, *, per_s: int) -> None:
        """Send evenly for so long."""
        began_s, first, number = time.monotonic(), self.sent, round(seconds * per_s)
        while self.sent < first + number:
            due = min(number, round((time.monotonic() - began_s) * per_s))
            self._socket.sendall(b"".join(self._next_packets(first + due - self.sent)))
            self._drop_answers()
            time.sleep(_TICK_S)

    def device_id(self, number: int) -> str:
        return f"{self._group}-{number:05d}"

    def close(self) -> None:
        self._socket.close()

    def _next_packets(self, number: int) -> Iterator[bytes]:
        for _ in range(number):
            second, device = divmod(self.sent, self._devices)
            self.sent += 1
            chunk = AudioChunk(
                boot_id=device,
                seq=second,
                first_sample=second * _RATE_HZ,
                kept_from_sample=max(0, second - 3) * _RATE_HZ,
                captured_at_us=time.time_ns() // 1000 - 1_000_000,
                sample_rate_hz=_RATE_HZ,
                samples=bytes(2 * _RATE_HZ),
            )
            yield mqtt5.PublishPacket(
                f"pcg/v1/{self._group}/{self.device_id(device)}/audio",
                encode(chunk),
                qos=mqtt5.QoS.AT_LEAST_ONCE,
                packet_id=self.sent % 65535 + 1,
            ).write()

    def _drop_answers(self) -> None:
        self._socket.setblocking(False)
        try:
            while self._socket.recv(65536):
                pass
        except BlockingIOError:
            pass
        self._socket.setblocking(True)


@contextmanager
def chunk_load(mqtt: Server, *, devices: int, group: str = "bench") -> Iterator[ChunkLoad]:
    load = ChunkLoad(mqtt, devices=devices, group=group)
    try:
        yield load
    finally:
        load.close()
