"""Flags are the settings' own names; secrets have none; a flag beats the environment."""

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deploy.flags import connected, environment_of
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection, load
from models.errors import ConfigurationError

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
@connected(MqttConnection, KafkaConnection)
def show(mqtt: MqttConnection, kafka: KafkaConnection, times: int = 1) -> None:
    print(f"{mqtt.address} {mqtt.tls} {mqtt.user} {kafka.servers} " * times)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HEARTWARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")


def test_a_flag_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTWARD_MQTT_HOST", "from-environment")
    monkeypatch.setenv("HEARTWARD_MQTT_USER", "ward")
    result = CliRunner().invoke(
        app, ["--mqtt-host", "broker", "--mqtt-port", "8883", "--mqtt-tls", "--times", "1"]
    )
    assert result.output.strip() == "broker:8883 True ward 127.0.0.1:9092"


def test_help_names_every_flag_and_where_its_setting_is_read_but_no_secret() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    for flag in ("--mqtt-host", "--mqtt-password-file", "--no-mqtt-tls", "--kafka-sasl-mechanism"):
        assert flag in text
    assert "HEARTWARD_KAFKA_... settings" in text
    assert "--mqtt-password " not in text
    assert "--times" in text


def test_nonsense_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="HEARTWARD_MQTT_PORT"):
        CliRunner().invoke(app, ["--mqtt-port", "70000"], catch_exceptions=False)


def test_a_child_process_reads_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    given = load(KafkaConnection, {"servers": "a:1,b:2", "user": "u", "password_file": file})
    influx = load(InfluxConnection, {"url": "http://db:8086", "token": "secret"})
    for name, value in (environment_of(given) | environment_of(influx)).items():
        monkeypatch.setenv(name, value)
    assert load(KafkaConnection) == given
    assert load(InfluxConnection) == influx
