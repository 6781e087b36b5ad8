"""What devices send lies in Kafka as they sent it, and they are told so."""

import socket
from pathlib import Path

import mqtt5
from confluent_kafka import Consumer, TopicPartition
from kafka.partitioner.default import murmur2

from ingest.chunk import DeviceStatus, DeviceTopic, Lane, encode
from ingest.connections import KafkaConnection
from stream_processors import records
from stream_processors.topics import AUDIO, AUDIO_HISTORY, DEVICE_STATS, HEARTBEATS, STATUS, Topic
from tests import kafka_log
from tests.integration.bridges import ON_MOSQUITTO, Brokers, bridge
from tests.integration.devices import chunks_in, devices
from tests.waiting import until


def test_chunks_arrive_unchanged_once_each_and_the_devices_are_told(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt, number=5) as them, bridge(brokers, tmp_path, groups=them.group):
        them.send(20)
        until(them.told_everything_is_stored, "everything is acked", timeout_s=10)

        assert chunks_in(brokers.connection, them.ids) == them.sent


def test_both_lanes_go_to_their_topics(brokers: Brokers, tmp_path: Path) -> None:
    with devices(brokers.mqtt) as them, bridge(brokers, tmp_path, groups=them.group):
        them.send(3)
        them.send(2, lane=Lane.HISTORY)
        until(them.told_everything_is_stored, "everything is acked", timeout_s=10)

        live = chunks_in(brokers.connection, them.ids, (AUDIO,))
        late = chunks_in(brokers.connection, them.ids, (AUDIO_HISTORY,))
    assert sorted(number for _, number in live) == [0, 1, 2]
    assert sorted(number for _, number in late) == [3, 4]


def test_a_hole_holds_the_ack_until_it_is_sent_again(brokers: Brokers, tmp_path: Path) -> None:
    with devices(brokers.mqtt) as them, bridge(brokers, tmp_path, groups=them.group):
        them.send(2)
        them.skip()
        them.send(3)
        until(lambda: them.stored_to() == [2], "the ack stops at the hole", timeout_s=10)

        them.send_again(2)
        until(lambda: them.stored_to() == [6], "the hole is filled", timeout_s=10)


def test_a_bridge_that_starts_midstream_takes_what_the_device_keeps_as_its_floor(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt, number=3) as them:
        with bridge(brokers, tmp_path / "first", groups=them.group):
            them.send(8)
            until(them.told_everything_is_stored, "the first bridge acks", timeout_s=10)
        with bridge(brokers, tmp_path / "second", groups=them.group):
            them.send(4)
            until(them.told_everything_is_stored, "the second bridge acks", timeout_s=10)
        assert them.stored_to() == [12, 12, 12]


def test_the_record_carries_key_time_and_schema_and_javas_partition(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt, number=8) as them, bridge(brokers, tmp_path, groups=them.group):
        them.send(1)
        until(them.told_everything_is_stored, "everything is acked", timeout_s=10)

    found = kafka_log.entries(brokers.connection, AUDIO)
    own = {entry.key: entry for entry in found if (entry.key or b"").decode() in them.ids}
    assert {key: entry.partition for key, entry in own.items()} == {
        device_id.encode(): (murmur2(device_id.encode()) & 0x7FFFFFFF) % 4 for device_id in them.ids
    }
    entry = own[them.ids[0].encode()]
    headers = _headers(brokers.connection, AUDIO, entry)
    assert headers["schema"] == b"audio-chunk/1"
    assert int(headers["received_at_us"]) // 1000 == entry.timestamp_ms


def test_status_and_last_will_pass_through_and_a_late_bridge_hears_them_too(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt, number=2) as them:
        online = encode(DeviceStatus(state="online", boot_id=1, at_us=1))
        for device_id in them.ids:
            them.publish(device_id, online, lane=Lane.STATUS, retain=True)
        them.confirmed()

        with bridge(brokers, tmp_path, groups=them.group):
            until(
                lambda: _statuses(brokers.connection, them.ids) == [online] * 2,
                "retained statuses are in Kafka",
                timeout_s=10,
            )
            offline = _die(brokers, DeviceTopic(them.group, them.ids[0], Lane.STATUS))
            until(
                lambda: offline in _statuses(brokers.connection, them.ids),
                "the last will is in Kafka",
                timeout_s=10,
            )


@ON_MOSQUITTO
def test_heartbeats_and_device_statistics_tell_what_happened(
    brokers: Brokers, tmp_path: Path
) -> None:
    with devices(brokers.mqtt, number=3) as them, bridge(brokers, tmp_path, groups=them.group):
        them.send(10)

        def counted() -> float:
            beats = kafka_log.records(brokers.connection, HEARTBEATS, records.Heartbeat)
            own = [beat for beat in beats if beat.instance == them.group]
            return own[-1].counters["chunks_stored"] if own else 0.0

        until(lambda: counted() == 30, "a heartbeat counts 30 chunks", timeout_s=10)

        def statistics() -> dict[str, records.DeviceStats]:
            all_of_them = kafka_log.records(brokers.connection, DEVICE_STATS, records.DeviceStats)
            return {stats.device_id: stats for stats in all_of_them}

        until(lambda: set(them.ids) <= statistics().keys(), "statistics are in Kafka", timeout_s=15)
        one = statistics()[them.ids[0]]
    assert (one.chunks, one.boot_id, one.missing_samples) == (10, 1, 0)
    assert one.bridge == them.group
    assert one.clock_offset_us is not None
    assert abs(one.clock_offset_us) < 250_000


def _statuses(kafka: KafkaConnection, device_ids: list[str]) -> list[bytes]:
    found = kafka_log.entries(kafka, STATUS)
    return [entry.value for entry in found if (entry.key or b"").decode() in device_ids]


def _die(brokers: Brokers, topic: DeviceTopic) -> bytes:
    """Connect with a last will, vanish without a farewell, and return the will's payload."""
    will = encode(DeviceStatus(state="offline", boot_id=1, at_us=2))
    hello = mqtt5.ConnectPacket(
        "dying",
        clean_start=True,
        keep_alive=30,
        will=mqtt5.Will(str(topic), payload=will, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True),
    )
    with socket.create_connection(("127.0.0.1", brokers.mqtt.port)) as connection:
        connection.sendall(hello.write())
        connection.recv(100)
    return will


def _headers(kafka: KafkaConnection, topic: Topic, entry: kafka_log.Entry) -> dict[str, bytes]:
    consumer = Consumer(kafka.confluent() | {"group.id": "test"})
    try:
        consumer.assign([TopicPartition(topic.name, entry.partition, entry.offset)])
        message = consumer.poll(10)
        assert message is not None
        return dict(message.headers())
    finally:
        consumer.close()
