"""What it costs to take one message of QoS 1 and acknowledge it: paho-mqtt against ours.

    python -m tests.benchmarks.bench_mqtt_clients [--per-s 2000 --seconds 10]

Both speak MQTT 5 to the same Mosquitto, one after the other, and do nothing with the messages.
paho runs in its external-loop form with manual acknowledgement and reads all there is each time
it wakes up; once it may wake up for each message, once they may gather for 20 ms as ours do.
"""

import argparse
import selectors
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.connections import MqttConnection, load
from ingest.mqtt_source import MqttSource
from tests.benchmarks import report
from tests.benchmarks.mqtt_load import chunk_load
from tests.integration.bridges import shipped_limits
from tests.servers import Mosquitto, Server

GROUP = "bench"
_RECEIVE_MAXIMUM = 1000


class PahoClient:
    """paho-mqtt 2 without its thread."""

    def __init__(self, mqtt: Server, *, gather_s: float) -> None:
        self.received = 0
        self._gather_s = gather_s
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, "paho", protocol=paho.MQTTv5, manual_ack=True
        )
        wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wishes.ReceiveMaximum = _RECEIVE_MAXIMUM
        self._client.on_connect = lambda client, *_: client.subscribe(f"pcg/v1/{GROUP}/#", qos=1)
        self._client.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        self._client.on_message = self._took
        self._client.on_socket_register_write = lambda *_: None  # queue, and write in one go
        self._client.connect("127.0.0.1", mqtt.port, properties=wishes)
        self._selector = selectors.DefaultSelector()
        link = self._client.socket()
        assert link is not None
        self._selector.register(link, selectors.EVENT_READ)
        self._subscribed = False
        while not self._subscribed:
            self.step()

    def step(self) -> None:
        if self._selector.select(0.1):
            time.sleep(self._gather_s)
            before = -1
            while before < self.received:
                before = self.received
                self._client.loop_read()
        if self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()

    def close(self) -> None:
        self._selector.close()
        self._client.disconnect()

    def _took(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.received += 1
        client.ack(message.mid, message.qos)


class OurClient:
    """The bridge's source."""

    def __init__(self, mqtt: Server) -> None:
        self.received = 0
        self._source = MqttSource(
            load(MqttConnection, {"host": "127.0.0.1", "port": mqtt.port}),
            client_id="ours",
            groups=[GROUP],
            receive_maximum=_RECEIVE_MAXIMUM,
            session_expiry_s=0,
        )
        self._source.open()

    def step(self) -> None:
        for publication in self._source.receive(0.1):
            self.received += 1
            publication.settle()

    def close(self) -> None:
        self._source.close()


def measure(client: PahoClient | OurClient, mqtt: Server, *, per_s: int, seconds: float) -> float:
    """Return the microseconds of CPU that this thread spends on one message."""
    with chunk_load(mqtt, devices=per_s, group=GROUP) as chunks:
        feeder = threading.Thread(target=chunks.run, args=(seconds,), kwargs={"per_s": per_s})
        feeder.start()
        cpu_s = time.thread_time()
        while feeder.is_alive() or client.received < chunks.sent:
            client.step()
        used_s = time.thread_time() - cpu_s
        feeder.join()
    client.close()
    return used_s / client.received * 1e6


def compare(per_s: int, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        mqtt = Mosquitto(Path(folder), shipped_limits()).start()
        try:
            clients: dict[str, Any] = {
                "paho-mqtt, each message": lambda: PahoClient(mqtt, gather_s=0.0),
                "paho-mqtt, gathered": lambda: PahoClient(mqtt, gather_s=0.02),
                "mqtt5 and our source": lambda: OurClient(mqtt),
            }
            return {
                name: measure(make(), mqtt, per_s=per_s, seconds=seconds)
                for name, make in clients.items()
            }
        finally:
            mqtt.stop()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--per-s", type=int, default=2000)
    options.add_argument("--seconds", type=float, default=10.0)
    chosen = options.parse_args()
    cpu_us = compare(chosen.per_s, chosen.seconds)
    report.table(
        f"CPU to take and acknowledge one message of 4 kB, {chosen.per_s} a second",
        ("client", "µs a message"),
        list(cpu_us.items()),
    )
    print(f"written to {report.save('mqtt_clients', {'cpu_us_per_message': cpu_us})}")


if __name__ == "__main__":
    main()
