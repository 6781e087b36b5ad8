"""Just enough of a few wearables for tests of the bridge: numbered chunks out, acks in."""

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.chunk import AudioChunk, DeviceAck, DeviceTopic, Lane, decode_ack, decode_chunk, encode
from ingest.connections import KafkaConnection
from stream_processors.topics import AUDIO, AUDIO_HISTORY, Topic
from tests.kafka_log import entries
from tests.servers import Server
from tests.waiting import until

SAMPLES = 500  # a quarter of a second at 2 kHz


class Devices:
    """Devices of one group on one connection, which test brokers allow.

    A device's `kept_from_sample` is the last position that it was told to be stored.
    """

    def __init__(self, mqtt: Server, *, devices: int = 1, group: str | None = None) -> None:
        self.group = group or f"g-{uuid.uuid4().hex[:8]}"
        self.ids = [f"{self.group}-{number}" for number in range(devices)]
        self.sent: Counter[tuple[str, int]] = Counter()
        self.acks: dict[str, DeviceAck] = {}
        self._next = dict.fromkeys(self.ids, 0)
        self._unconfirmed: list[paho.MQTTMessageInfo] = []
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=self.group, protocol=paho.MQTTv5
        )
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(f"pcg/v1/{self.group}/+/ack")
        self._client.on_message = self._told
        self._client.connect("127.0.0.1", mqtt.port)
        self._client.loop_start()
        until(self._client.is_connected, "devices are connected", timeout_s=10)

    def send(self, rounds: int = 1, *, every_s: float = 0.0, lane: Lane = Lane.AUDIO) -> None:
        """Every device sends its next chunk, so many times."""
        for _ in range(rounds):
            for device_id in self.ids:
                number = self._next[device_id]
                self._next[device_id] += 1
                self.sent[device_id, number] += 1
                self.publish(device_id, self.chunk(device_id, number), lane=lane)
            time.sleep(every_s)

    def skip(self) -> None:
        """Every device records a chunk and does not send it: a hole."""
        for device_id in self.ids:
            self._next[device_id] += 1

    def send_again(self, number: int, *, lane: Lane = Lane.HISTORY) -> None:
        for device_id in self.ids:
            self.publish(device_id, self.chunk(device_id, number), lane=lane)

    def publish(
        self, device_id: str, payload: bytes, *, lane: Lane = Lane.AUDIO, retain: bool = False
    ) -> None:
        topic = str(DeviceTopic(self.group, device_id, lane))
        self.publish_to(topic, payload, retain=retain)

    def publish_to(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._unconfirmed.append(self._client.publish(topic, payload, qos=1, retain=retain))

    def confirmed(self) -> None:
        """Wait until the broker has everything."""
        for message in self._unconfirmed:
            message.wait_for_publish(60)
        self._unconfirmed.clear()

    def chunk(self, device_id: str, number: int) -> bytes:
        ack = self.acks.get(device_id)
        first = number * SAMPLES
        return encode(
            AudioChunk(
                boot_id=1,
                seq=number,
                first_sample=first,
                kept_from_sample=min(first, ack.stored_to_sample if ack else 0),
                captured_at_us=time.time_ns() // 1000 - 250_000,
                sample_rate_hz=2000,
                samples=number.to_bytes(4, "little") * (SAMPLES // 2),
            )
        )

    def stored_to(self) -> list[int]:
        """What each device was last told, in chunks."""
        told = [self.acks.get(device_id) for device_id in self.ids]
        return [ack.stored_to_sample // SAMPLES if ack else 0 for ack in told]

    def told_everything_is_stored(self) -> bool:
        return self.stored_to() == list(self._next.values())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _told(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.acks[DeviceTopic.parse(message.topic).device_id] = decode_ack(bytes(message.payload))


@contextmanager
def devices(mqtt: Server, *, number: int = 1, group: str | None = None) -> Iterator[Devices]:
    them = Devices(mqtt, devices=number, group=group)
    try:
        yield them
    finally:
        them.close()


def chunks_in(
    kafka: KafkaConnection,
    device_ids: Iterable[str],
    topics: tuple[Topic, ...] = (AUDIO, AUDIO_HISTORY),
) -> Counter[tuple[str, int]]:
    """How often Kafka holds each chunk: (device, number)."""
    wanted = set(device_ids)
    found: Counter[tuple[str, int]] = Counter()
    for topic in topics:
        for entry in entries(kafka, topic):
            device_id = (entry.key or b"").decode()
            if device_id in wanted:
                found[device_id, decode_chunk(entry.value).seq] += 1
    return found
