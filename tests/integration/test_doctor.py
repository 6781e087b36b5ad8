"""The doctor asks real brokers with the credentials that the parts would use."""

import subprocess
import time
from pathlib import Path

import pytest

from deploy.doctor import Verdict, examine
from deploy.embedded import free_port
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection, load
from ingest.kafka_contact import require_kafka
from ingest.kafka_sink import ConfluentSink
from stream_processors import record_files, topic_admin
from stream_processors.records import Heartbeat, encode
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import HEARTBEATS
from tests.servers import EmbeddedKafka, Mosquitto, Server

_NO_INFLUX = InfluxConnection.model_construct()


def _hurried(kafka: KafkaConnection, **_patience: float) -> None:
    require_kafka(kafka, timeout_s=2.0)


def _examine(mqtt: MqttConnection, kafka: KafkaConnection) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in examine(mqtt, kafka, _NO_INFLUX)}


def _mqtt(server: Server, **given: str) -> MqttConnection:
    return load(MqttConnection, {"host": "127.0.0.1", "port": server.port, **given})


def test_missing_topics_are_named_with_the_command_that_makes_them(
    tmp_path: Path, embedded_mqtt: Server
) -> None:
    broker = EmbeddedKafka(tmp_path).start()
    kafka = load(KafkaConnection, {"servers": broker.address})
    try:
        before = _examine(_mqtt(embedded_mqtt), kafka)
        apply_topics(kafka)
        after = _examine(_mqtt(embedded_mqtt), kafka)
    finally:
        broker.kill()
    assert before["MQTT broker"].ok is True
    assert "lacks the topics pcg.audio" in before["Kafka"].seen
    assert "`heartward topics apply`" in before["Kafka"].seen
    assert after["Kafka"].ok is True
    assert after["Parts of the ward"].ok is False
    assert "`heartward worker`" in after["Parts of the ward"].remedy


def test_parts_are_known_by_kind_and_name_and_what_is_no_heartbeat_is_passed_over(
    embedded_kafka: Server,
) -> None:
    kafka = load(KafkaConnection, {"servers": embedded_kafka.address})
    apply_topics(kafka)
    now_us = time.time_ns() // 1000
    beats = [
        Heartbeat(process=kind, kind=kind, instance="main", pid=1, at_us=now_us, started_us=now_us)
        for kind in ("bridge", "audio", "alarms", "console")
    ]
    sink = ConfluentSink(kafka, client_id="test")
    for value in (*map(encode, beats), b"no heartbeat", None):
        sink.produce(HEARTBEATS.name, b"_pipeline/main", value, timestamp_ms=now_us // 1000)
    assert sink.flush(10) == 0
    sink.close()

    verdict = _examine(MqttConnection.model_construct(), kafka)["Parts of the ward"]

    assert verdict.ok is True
    assert {"alarms main", "audio main", "bridge main", "console main"} <= set(
        verdict.seen.split(", ")
    )


@pytest.mark.parametrize(("password", "ok"), [("right", True), ("wrong", False)])
def test_a_wrong_password_is_told(password: str, ok: bool, tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    # Started by root it would become another user, who may not read a test's folder.
    settings = f"allow_anonymous false\npassword_file {file}\nuser root"
    mosquitto = Mosquitto(tmp_path, settings)
    mosquitto.command()  # skips where Mosquitto is not installed
    subprocess.run(["mosquitto_passwd", "-b", "-c", file, "ward", "right"], check=True, timeout=30)
    mosquitto.start()
    try:
        mqtt = _mqtt(mosquitto, user="ward", password=password)
        verdict = _examine(mqtt, KafkaConnection.model_construct())["MQTT broker"]
    finally:
        mosquitto.stop()
    assert verdict.ok is ok
    if not ok:
        assert "HEARTWARD_MQTT_USER" in verdict.seen


def test_a_kafka_that_is_away_is_one_line_in_each_check(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (topic_admin, record_files):
        monkeypatch.setattr(module, "require_kafka", _hurried)
    kafka = load(KafkaConnection, {"servers": f"127.0.0.1:{free_port()}"})
    found = _examine(MqttConnection.model_construct(), kafka)
    for check in ("Kafka", "Parts of the ward"):
        assert found[check].ok is False
        assert kafka.servers in found[check].seen
        assert "\n" not in found[check].seen
    assert capfd.readouterr().err == ""
