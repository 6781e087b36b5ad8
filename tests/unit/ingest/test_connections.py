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
        ("PORT", "70000", "HEARTWARD_MQTT_PORT '70000': Input should be less than or equal to"),
        ("PORT", "many", "HEARTWARD_MQTT_PORT 'many': Input should be a valid integer"),
        ("HOST", "mqtt://x", "HEARTWARD_MQTT_HOST 'mqtt://x': it is no name or address of a host"),
        ("HOST", "a..b", "HEARTWARD_MQTT_HOST 'a..b': it is no name"),
        ("TLS", "perhaps", "HEARTWARD_MQTT_TLS 'perhaps'"),
        ("CA_FILE", "/nowhere/ca.pem", "certificates are given but HEARTWARD_MQTT_TLS is off"),
        ("CERT_FILE", "/nowhere/c.pem", "HEARTWARD_MQTT_CERT_FILE and .*_KEY_FILE belong together"),
        (
            "PASSWORD_FILE",
            "/nowhere/secret",
            "wrong: HEARTWARD_MQTT_PASSWORD_FILE /nowhere/secret cannot be read: No such file",
        ),
        ("PASSWORD_FILE", "/", "HEARTWARD_MQTT_PASSWORD_FILE / cannot be read: Is a directory"),
        ("PASSWORD_FILE", "/dev/null", "/dev/null has no secret in its first line"),
        ("PASSWORD_FILE", "/dev/zero", "/dev/zero is over 16384 bytes"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"HEARTWARD_MQTT_{name}", value)
    with pytest.raises(ConfigurationError, match=said) as error:
        load(MqttConnection)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00secret", b"\nsecond line", b"a\x07b\n"])
def test_a_file_that_holds_no_secret_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"HEARTWARD_MQTT_PASSWORD_FILE {file} ") as error:
        load(MqttConnection, {"user": "u", "password_file": file})
    assert "\n" not in str(error.value)
    assert "b\\" not in str(error.value)


def test_a_secret_is_read_once_so_that_it_may_come_through_a_pipe() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"hunter2\r\n")
    os.close(writing)
    try:
        given = load(MqttConnection, {"user": "u", "password_file": f"/dev/fd/{reading}"})
    finally:
        os.close(reading)
    assert [given.secret(), given.secret()] == ["hunter2", "hunter2"]


@pytest.mark.parametrize("kind", [MqttConnection, KafkaConnection])
def test_certificates_that_are_none_are_refused(
    kind: type[MqttConnection | KafkaConnection], tmp_path: Path
) -> None:
    junk = tmp_path / "bad.pem"
    junk.write_text("junk\n")
    with pytest.raises(ConfigurationError, match=r"CA_FILE .*bad\.pem holds no certificate in PEM"):
        load(kind, {"tls": True, "ca_file": junk})
    with pytest.raises(ConfigurationError, match=r"CERT_FILE .*bad\.pem and .* no certificate in"):
        load(kind, {"tls": True, "cert_file": junk, "key_file": junk})
    with pytest.raises(ConfigurationError, match=r"CA_FILE /dev/zero is no file"):
        load(kind, {"tls": True, "ca_file": "/dev/zero"})


def test_kafka_wants_user_and_password_together() -> None:
    with pytest.raises(ConfigurationError, match=r"KAFKA_USER 'a' has no password: give HEARTWARD"):
        load(KafkaConnection, {"user": "a"})
    with pytest.raises(ConfigurationError, match=r"password is given but no HEARTWARD_KAFKA_USER"):
        load(KafkaConnection, {"password": "p"})


@pytest.mark.parametrize("servers", ["kafka", "kafka:", "kafka:0", "a:1,,b:2", "http://a:1", ":9"])
def test_addresses_of_kafka_are_hosts_with_ports(servers: str) -> None:
    with pytest.raises(ConfigurationError, match=r"HEARTWARD_KAFKA_SERVERS .* is not HOST:PORT"):
        load(KafkaConnection, {"servers": servers})


def test_spaces_between_addresses_do_not_matter() -> None:
    assert load(KafkaConnection, {"servers": "a:1, [::1]:2"}).servers == "a:1,[::1]:2"


def test_the_value_of_a_secret_is_in_no_complaint() -> None:
    with pytest.raises(ConfigurationError) as error:
        load(KafkaConnection, {"password": ["hunter2"], "servers": "x"})
    assert "HEARTWARD_KAFKA_PASSWORD: " in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_settings_file_that_is_no_text_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ward.env"
    file.write_bytes(b"HEARTWARD_MQTT_HOST=\xff\xfe\n")
    monkeypatch.setenv("HEARTWARD_ENV_FILE", str(file))
    with pytest.raises(ConfigurationError, match=r"ward\.env, which holds no text in UTF-8"):
        load(MqttConnection)
    monkeypatch.setenv("HEARTWARD_ENV_FILE", str(tmp_path))
    with pytest.raises(ConfigurationError, match="which cannot be read"):
        load(MqttConnection)


def test_an_unreadable_settings_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTWARD_ENV_FILE", "/nowhere/ward.env")
    with pytest.raises(ConfigurationError, match=r"/nowhere/ward\.env, which cannot be read"):
        load(KafkaConnection)


@pytest.mark.parametrize("misspelt", ["HEARTWARD_MQTT_TSL", "heartward_mqtt_pasword"])
def test_a_setting_that_is_almost_one_is_refused_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misspelt: str
) -> None:
    right = {"HEARTWARD_MQTT_TSL": "TLS"}.get(misspelt, "PASSWORD")
    said = rf"^{misspelt} is no setting: do you mean HEARTWARD_MQTT_{right}\?$"
    file = tmp_path / "ward.env"
    file.write_text(f"{misspelt}=1\n", encoding="utf-8")
    monkeypatch.setenv("HEARTWARD_ENV_FILE", str(file))
    with pytest.raises(ConfigurationError, match=said):
        load(MqttConnection)
    monkeypatch.delenv("HEARTWARD_ENV_FILE")
    monkeypatch.setenv(misspelt, "1")
    with pytest.raises(ConfigurationError, match=said):
        load(MqttConnection)
    assert load(KafkaConnection)


def test_names_unlike_any_setting_are_another_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTWARD_MQTT_EXPORTER_COLOUR", "blue")
    assert load(MqttConnection)


def test_a_password_never_shows_in_text(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\nsecond line\n")
    given = load(KafkaConnection, {"user": "bridge", "password": "hunter2"})
    from_file = load(KafkaConnection, {"user": "bridge", "password_file": file})
    assert "hunter2" not in f"{given!r} {given} {from_file!r}"
    assert given.secret() == from_file.secret() == "hunter2"


def test_credentials_and_certificates_reach_both_kafka_clients(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(_CERTIFICATE)
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


@pytest.mark.parametrize("url", ["nonsense", "influx:8086", "http://", "http://a:b", "ftp://a"])
def test_the_address_of_influx_is_a_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"INFLUX_URL .*: it is no http\(s\)://HOST:PORT"):
        load(InfluxConnection, {"url": url})


def test_an_empty_address_of_influx_means_none() -> None:
    assert load(InfluxConnection, {"url": ""}).url is None


_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUQQsUN/rNpLRoQ3Xj2YamGhwt4k8wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjExNTQ3NTZaGA8yMTI2MTAyODE1NDc1
NlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPU+
B1WBoReVKubrEjjHKsAGnutvKTZGwf/mGP7b2KB3p5CRoWV7NcCtlXDzHo1+Q55d
rihxeguDTQ3FLM7TbeqjUzBRMB0GA1UdDgQWBBRSa81zcPIlsUT3DuKA9idknxKD
5jAfBgNVHSMEGDAWgBRSa81zcPIlsUT3DuKA9idknxKD5jAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIF3gryCuSybuuxmW6SGpz2b3QzeoWyjLtqFn
YA0Xs9/JAiAziq3PY7P/IFSr8SEy39X1D7vTfMXJjZpiPiKQ3CSwrQ==
-----END CERTIFICATE-----
"""
