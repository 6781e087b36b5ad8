"""A bridge of thirty lines: it keeps in memory what devices send and acknowledges that."""

import threading
import time
from collections import Counter, defaultdict
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.chunk import (
    AudioChunk,
    DeviceAck,
    DeviceStatus,
    DeviceTopic,
    Lane,
    decode_chunk,
    decode_status,
    encode,
    pcm,
)

_ACK_EVERY_S = 0.5


class Boot(NamedTuple):
    group: str
    device_id: str
    boot_id: int


class ScriptedBridge:
    """Hears every device on a broker; an island behind a hole waits for the hole to close."""

    def __init__(self, port: int, *, acknowledging: bool = True) -> None:
        self.arrived: Counter[Lane] = Counter()
        self.statuses: dict[str, DeviceStatus] = {}
        self._chunks: defaultdict[Boot, dict[int, AudioChunk]] = defaultdict(dict)
        self._lock = threading.Lock()
        self.acknowledging = acknowledging
        self._ended = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="scripted-bridge", protocol=paho.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("pcg/v1/+/+/+", qos=1)
        self._client.on_message = self._store
        self._client.connect("127.0.0.1", port)
        self._thread = threading.Thread(target=self._acknowledge, daemon=True)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def boots(self) -> list[Boot]:
        with self._lock:
            return list(self._chunks)

    def chunks(self, boot: Boot) -> list[AudioChunk]:
        """In the order of their positions, as far as there is no hole."""
        with self._lock:
            heard = sorted(self._chunks[boot].items())
        kept: list[AudioChunk] = []
        position = 0
        for first, chunk in heard:
            if first != position:
                break
            kept.append(chunk)
            position += len(pcm(chunk))
        return kept

    def sound(self, boot: Boot) -> npt.NDArray[np.int16]:
        """Everything from power-up to the first hole."""
        parts = [pcm(chunk) for chunk in self.chunks(boot)]
        return np.concatenate([np.zeros(0, dtype=np.int16), *parts])

    def _store(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        topic = DeviceTopic.parse(message.topic)
        self.arrived[topic.lane] += 1
        if topic.lane is Lane.STATUS:
            self.statuses[topic.device_id] = decode_status(bytes(message.payload))
        elif topic.lane is not Lane.ACK:
            chunk = decode_chunk(bytes(message.payload))
            with self._lock:
                boot = Boot(topic.group, topic.device_id, chunk.boot_id)
                self._chunks[boot][chunk.first_sample] = chunk

    def _acknowledge(self) -> None:
        while not self._ended.wait(_ACK_EVERY_S):
            for boot in self.boots() if self.acknowledging else ():
                ack = DeviceAck(
                    boot_id=boot.boot_id,
                    stored_to_sample=len(self.sound(boot)),
                    bridge_time_us=time.time_ns() // 1000,
                )
                topic = DeviceTopic(boot.group, boot.device_id, Lane.ACK)
                self._client.publish(str(topic), encode(ack))
