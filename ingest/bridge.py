"""The bridge: from MQTT into Kafka, and word back to every device of what is stored.

    python -m ingest.bridge

It is one loop in one thread. Nothing it knows outlives it, and nothing needs to: the broker
keeps what was not acknowledged, and every chunk says where its device's stored sound begins.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ingest.bridge_settings import BridgeSettings
from ingest.chunk import encode as encode_ack
from ingest.connections import KafkaConnection, MqttConnection, load
from ingest.fleet import Fleet
from ingest.intake import Forward, dead_letter, device_of, examine
from ingest.kafka_sink import ConfluentSink, Header, KafkaSink
from ingest.mqtt_session import Publication
from ingest.mqtt_source import ANY_GROUP, MqttSource, Source
from ingest.namesakes import Namesakes, NamesakeWatch
from ingest.signals import times_asked_to_end
from ingest.traces import Step, Tracing, tracing
from ingest.watched import WATCH, listen
from models import logs
from models.errors import ChunkError
from models.processes import exit_code
from stream_processors.records import Heartbeat, Record, encode
from stream_processors.topics import (
    AUDIO,
    AUDIO_HISTORY,
    DEAD_LETTERS,
    DEVICE_STATS,
    HEARTBEATS,
    STATUS,
    Topic,
)

__all__ = ["Bridge", "BridgeSettings", "Counters", "run"]

_HEARTBEAT_EVERY_US = 2_000_000
_STATS_AFTER_US = 10_000_000
# While records are in flight, their delivery reports are looked for this often.
_BUSY_WAIT_S, _IDLE_WAIT_S = 0.01, 0.1
_FLUSH_S = 1.5
_TOPICS = (AUDIO, AUDIO_HISTORY, STATUS, DEVICE_STATS, HEARTBEATS, DEAD_LETTERS)

_log = logging.getLogger(__name__)


@dataclass
class Counters:
    """What a bridge's heartbeat counts since the bridge started, by these names."""

    chunks_received: int = 0
    """Valid chunks taken from MQTT, on both lanes."""
    chunks_stored: int = 0
    """Chunks that Kafka confirmed."""
    statuses_stored: int = 0
    """Device statuses that Kafka confirmed."""
    bytes_received: int = 0
    """Payload bytes of all messages, good and bad."""
    duplicates: int = 0
    """Stored chunks of which this bridge had seen every sample stored before."""
    refused: int = 0
    """Messages that break the wire's rules, or that Kafka refuses for good."""
    dead_letters: int = 0
    """Refused messages that Kafka holds as dead letters."""
    acks_sent: int = 0
    """Acks sent to devices."""
    acks_unsent: int = 0
    """Acks dropped because the broker was away or did not read."""
    mqtt_reconnects: int = 0
    """Connections to the MQTT broker after the first."""
    kafka_errors: int = 0
    """Errors of Kafka, mended or not."""
    in_flight: int = 0
    """Not a count but a level: records that Kafka has not confirmed yet."""
    devices: int = 0
    """Not a count but a level: devices seen of late."""


class Bridge:
    """Takes messages, hands them to Kafka, settles them when Kafka confirms; `step` by `step`."""

    def __init__(
        self,
        settings: BridgeSettings,
        *,
        source: Source,
        sink: KafkaSink,
        now_us: Callable[[], int],
        tracing: Tracing | None = None,
    ) -> None:
        self.counters = Counters()
        self._tracing = tracing
        self._settings = settings
        self._source = source
        self._sink = sink
        self._clock_us = now_us
        self._now_us = self.started_us = now_us()
        self._fleet = Fleet(
            bridge=settings.name,
            ack_after_us=round(settings.ack_every_s * 1e6),
            stats_after_us=_STATS_AFTER_US,
            max_devices=settings.max_devices,
        )
        self._heartbeat_due_us = self._now_us
        self._heartbeat_in_flight = False
        self._foreign_groups: set[str] = set()

    def step(self) -> None:
        """One round of the loop, a tenth of a second at most.

        The broker's Receive Maximum bounds what is in flight. Twice as much is there only after
        reconnecting while Kafka is away; then nothing more is read.
        """
        in_flight = self._sink.in_flight
        publications = self._source.receive(
            _BUSY_WAIT_S if in_flight else _IDLE_WAIT_S,
            reading=in_flight < 2 * self._settings.max_in_flight,
        )
        self._now_us = self._clock_us()
        for publication in publications:
            self._take(publication)
        self._sink.poll()
        self._speak()

    def close(self) -> None:
        """Take nothing more; store, acknowledge and tell the devices what can be in two seconds."""
        self._heartbeat()
        unstored = self._sink.flush(_FLUSH_S)
        self._now_us = self._clock_us()
        for topic, ack in self._fleet.all_acks(self._now_us):
            self._source.publish(topic, encode_ack(ack))
        if unstored:
            _log.warning("%d records were not confirmed by Kafka; they come again", unstored)

    def _take(self, publication: Publication) -> None:
        self.counters.bytes_received += len(publication.payload)
        try:
            forward = examine(
                publication.topic,
                publication.payload,
                retained=publication.retained,
                received_us=self._now_us,
            )
        except ChunkError as error:
            self._refuse(publication, str(error))
            return
        if forward.arrival is not None:
            self.counters.chunks_received += 1
        self._sink.produce(
            forward.topic,
            forward.key,
            forward.value,
            headers=self._headers(publication, forward),
            timestamp_ms=self._now_us // 1000,
            on_delivery=partial(self._delivered, publication, forward),
        )
        self._leave_if_foreign(forward.source.group)

    def _headers(self, publication: Publication, forward: Forward) -> Sequence[Header]:
        if self._tracing is None or forward.arrival is None:
            return forward.headers
        taken = Step("bridge: handed to Kafka", self._now_us, self._clock_us())
        device_id = forward.source.device_id
        return (
            *forward.headers,
            *self._tracing.headers(publication.trace, taken, device=device_id),
        )

    def _delivered(self, publication: Publication, forward: Forward, refusal: str | None) -> None:
        if refusal is not None:
            self._refuse(publication, f"Kafka refused it: {refusal}")
            return
        publication.settle()
        if forward.arrival is None:
            self.counters.statuses_stored += 1
            return
        self.counters.chunks_stored += 1
        if not self._fleet.stored(forward.arrival, self._now_us):
            self.counters.duplicates += 1

    def _refuse(self, publication: Publication, reason: str) -> None:
        self.counters.refused += 1
        device_id = device_of(publication.topic)
        if device_id is not None:
            self._fleet.refused(device_id, self._now_us)
        letter = dead_letter(
            publication.topic, publication.payload, reason=reason, at_us=self._now_us
        )
        self._produce(
            DEAD_LETTERS,
            letter,
            key=device_id,
            on_delivery=partial(self._dead_letter_delivered, publication),
        )

    def _dead_letter_delivered(self, publication: Publication, refusal: str | None) -> None:
        publication.settle()
        if refusal is None:
            self.counters.dead_letters += 1

    def _leave_if_foreign(self, group: str) -> None:
        """An earlier run under this name served it; what is queued of it is still forwarded."""
        groups = self._settings.groups
        if group in groups or ANY_GROUP in groups or group in self._foreign_groups:
            return
        self._foreign_groups.add(group)
        self._source.leave(group)
        _log.info("group %s is no longer served by bridge %s", group, self._settings.name)

    def _speak(self) -> None:
        for topic, ack in self._fleet.due_acks(self._now_us):
            if self._source.publish(topic, encode_ack(ack)):
                self.counters.acks_sent += 1
            else:
                self.counters.acks_unsent += 1
        for stats in self._fleet.due_stats(self._now_us):
            self._produce(DEVICE_STATS, stats, key=stats.device_id)
        # A clock that was set back must not silence the heart.
        since_due_us = self._now_us - self._heartbeat_due_us
        due = since_due_us >= 0 or since_due_us < -_HEARTBEAT_EVERY_US
        if due and not self._heartbeat_in_flight:
            self._heartbeat()

    def _heartbeat(self) -> None:
        counters = self.counters
        counters.mqtt_reconnects = max(0, self._source.connects - 1)
        counters.kafka_errors = self._sink.errors
        counters.in_flight = self._sink.in_flight
        counters.devices = len(self._fleet)
        beat = Heartbeat(
            process="bridge",
            kind="bridge",
            instance=self._settings.name,
            pid=os.getpid(),
            at_us=self._now_us,
            started_us=self.started_us,
            counters=asdict(counters),
        )
        self._heartbeat_due_us = self._now_us + _HEARTBEAT_EVERY_US
        self._heartbeat_in_flight = True
        WATCH.beat(beat)
        self._produce(
            HEARTBEATS,
            beat,
            key=f"_pipeline/{self._settings.name}",
            on_delivery=self._heartbeat_delivered,
        )

    def _heartbeat_delivered(self, _refusal: str | None) -> None:
        self._heartbeat_in_flight = False

    def _produce(self, topic: Topic, record: Record, *, key: str | None, **given: Any) -> None:
        self._sink.produce(
            topic.name,
            None if key is None else key.encode(),
            encode(record),
            timestamp_ms=self._now_us // 1000,
            **given,
        )


def run(settings: BridgeSettings, mqtt: MqttConnection, kafka: KafkaConnection) -> None:
    """Be the bridge until SIGTERM or SIGINT, from the main thread.

    Raises
    ------
    UserError
        In one line, when at the start a broker cannot be used or topics are missing, and when
        an older bridge of the same name runs. Otherwise it tries again for ever.
    """
    logs.configure(f"bridge/{settings.name}")
    listen()
    sink = ConfluentSink(kafka, client_id=f"bridge.{settings.name}", linger_ms=settings.linger_ms)
    sink.require([topic.name for topic in _TOPICS])
    told = tracing("bridge")
    source = MqttSource(
        mqtt,
        # A full stop is in no device's id, so no device can take this session over.
        client_id=f"heartward.bridge.{settings.name}",
        groups=settings.groups,
        receive_maximum=settings.max_in_flight,
        session_expiry_s=settings.session_expiry_s,
        is_traced=told is not None,
    )
    source.open()
    _log.info(
        "bridge %s carries groups %s from %s to %s",
        settings.name,
        ",".join(settings.groups),
        mqtt.address,
        kafka.address,
    )
    bridge = Bridge(settings, source=source, sink=sink, now_us=_wall_clock_us, tracing=told)
    namesakes = Namesakes(settings.name, started_us=bridge.started_us, pid=os.getpid())
    watch = NamesakeWatch(kafka, namesakes)
    with times_asked_to_end() as asked:
        while not asked():
            bridge.step()
            watch.step(suspected=source.is_contested)
            WATCH.alive()
        watch.close()
        bridge.close()
        source.close()
        sink.close()


def main() -> int:
    """Run with settings from the environment."""
    return exit_code(lambda: run(load(BridgeSettings), load(MqttConnection), load(KafkaConnection)))


def _wall_clock_us() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    sys.exit(main())
