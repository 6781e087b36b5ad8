"""A rough ward through the real bridge: what a device saw acknowledged, Kafka holds."""

from collections import defaultdict
from pathlib import Path

from ingest import simulator_report
from ingest.chunk import decode_chunk, pcm
from stream_processors.records import DeadLetter
from stream_processors.topics import AUDIO, AUDIO_HISTORY, DEAD_LETTERS
from tests import kafka_log
from tests.integration.bridges import bridge, with_topics
from tests.processes import Part
from tests.servers import Server

GROUP = "rough-ward"
FAULTS = "outage_every_s=10,outage_s=5,reboot_every_s=20,reboot_s=2,loss_fraction=0.03"


def test_kafka_holds_every_sample_that_a_device_saw_acknowledged(
    embedded_mqtt: Server, embedded_kafka: Server, tmp_path: Path
) -> None:
    brokers = with_topics(embedded_mqtt, embedded_kafka)
    settings = {
        "DEVICES": 8,
        "DEVICE_PREFIX": f"{GROUP}-",
        "GROUPS": GROUP,
        "CONNECTIONS": 2,
        "RATES_HZ": "2000,4000,8000",
        "CHUNK_S": "0.25,1",
        "ENCODING": "pcm_s16le,flac",
        "FAULTS": "rough",
        "FAULT_SETTINGS": FAULTS,
        "DURATION_S": 30,
        "DRAIN_S": 30,
        "REPORT": tmp_path / "report.json",
    }
    prefixed = {f"HEARTWARD_SIMULATOR_{name}": value for name, value in settings.items()}
    ward = Part("simulator", "ingest.simulator", brokers.environment | prefixed, folder=tmp_path)
    with bridge(brokers, tmp_path, groups=GROUP):
        ward.start()
        assert ward.wait(90) == 0, ward.log.read_text()[-3000:]

    held: defaultdict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for topic in (AUDIO, AUDIO_HISTORY):
        for entry in kafka_log.entries(brokers.connection, topic):
            device_id = (entry.key or b"").decode()
            if device_id.startswith(GROUP):
                chunk = decode_chunk(entry.value)
                end = chunk.first_sample + len(pcm(chunk))
                held[device_id, chunk.boot_id].append((chunk.first_sample, end))

    report = simulator_report.read(tmp_path / "report.json")
    assert report.totals.audio_acknowledged_s > 100
    assert report.totals.chunks_history > 0
    assert sum(len(device.boots) for device in report.devices) > 8
    for device in report.devices:
        for boot in device.boots:
            position = 0
            for first, end in sorted(held[device.device_id, boot.boot_id]):
                position = max(position, end) if first <= position else position
            assert position >= boot.acknowledged_to_sample
            if boot.ended_us is None:
                assert boot.acknowledged_to_sample == boot.produced_to_sample
    letters = kafka_log.records(brokers.connection, DEAD_LETTERS, DeadLetter)
    assert [letter.reason for letter in letters if GROUP in letter.topic] == []
