"""Addresses and credentials come from flags, the environment or files; nonsense stops the start."""

import os
from pathlib import Path

import pytest

from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection, load
from models.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HEARTWARD_")]:
        monkeypatch.delenv(name)


def test_a_flag_beats_the_environment_and_the_environment_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ward.env"
    file.write_text("HEARTWARD_MQTT_HOST=from-file\nHEARTWARD_MQTT_PORT=1\nHEARTWARD_MQTT_USER=u\n")
    monkeypatch.setenv("HEARTWARD_ENV_FILE", str(file))
    monkeypatch.setenv("HEARTWARD_MQTT_PORT", "2")
    mqtt = load(MqttConnection, {"port": 3, "host": None})
    assert (mqtt.host, mqtt.port, mqtt.user) == ("from-file", 3, "u")
    assert load(MqttConnection).port == 2


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "70000", "HEARTWARD_MQTT_PORT Input should be less than or equal to 65535"),
        ("PORT", "many", "HEARTWARD_MQTT_PORT Input should be a valid integer"),
        ("TLS", "perhaps", "HEARTWARD_MQTT_TLS"),
        ("CA_FILE", "/nowhere/ca.pem", "certificates are given but tls is off"),
        ("PASSWORD_FILE", "/nowhere/secret", "password_file /nowhere/secret cannot be read"),
        ("CERT_FILE", "/nowhere/cert.pem", "cert_file and key_file belong together"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"HEARTWARD_MQTT_{name}", value)
    with pytest.raises(ConfigurationError, match=said) as error:
        load(MqttConnection)
    assert "\n" not in str(error.value)


def test_an_unreadable_settings_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTWARD_ENV_FILE", "/nowhere/ward.env")
    with pytest.raises(ConfigurationError, match=r"/nowhere/ward\.env, which cannot be read"):
        load(KafkaConnection)


def test_a_password_never_shows_in_text(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\nsecond line\n")
    given = load(KafkaConnection, {"user": "bridge", "password": "hunter2"})
    from_file = load(KafkaConnection, {"user": "bridge", "password_file": file})
    assert "hunter2" not in f"{given!r} {given} {from_file!r}"
    assert given.secret() == from_file.secret() == "hunter2"


def test_credentials_and_certificates_reach_both_kafka_clients(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    plain = load(KafkaConnection, {"servers": "a:1,b:2"})
    assert plain.confluent()["security.protocol"] == "PLAINTEXT"
    assert plain.python_clients()["bootstrap_servers"] == ["a:1", "b:2"]
    sasl = load(KafkaConnection, {"user": "u", "password": "p", "tls": True, "ca_file": ca})
    assert sasl.confluent() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "p",
        "ssl.ca.location": str(ca),
    }


def test_influx_takes_its_token_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    assert load(InfluxConnection, {"token_file": file}).secret() == "abc"
    assert load(InfluxConnection).url is None
