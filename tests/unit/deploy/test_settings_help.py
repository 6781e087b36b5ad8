"""Whoever asks a command for help sees every setting that it reads, and every default."""

import os
import sys

import pytest
from pydantic_settings import BaseSettings

import heartward
from deploy.settings_help import settings_of
from ingest.bridge import BridgeSettings
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection
from ingest.simulator_settings import SimulatorSettings
from stream_processors.influx_settings import InfluxSettings
from stream_processors.settings import WorkerSettings

_ALL: list[type[BaseSettings]] = [
    *(MqttConnection, KafkaConnection, InfluxConnection),
    *(BridgeSettings, WorkerSettings, InfluxSettings, SimulatorSettings),
]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HEARTWARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")


def _help_of(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr(sys, "argv", ["heartward", *command.split(), "--help"])
    with pytest.raises(SystemExit):
        heartward.main()
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("bridge", BridgeSettings),
        ("worker", WorkerSettings),
        ("influx", InfluxSettings),
        ("simulate", SimulatorSettings),
    ],
)
def test_a_part_lists_all_its_settings_with_their_defaults(
    command: str,
    kind: type[BaseSettings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = _help_of(command, monkeypatch, capsys)
    for setting in settings_of(kind):
        (line,) = [line for line in said.splitlines() if line.startswith(f"{setting.name} ")]
        assert setting.default in line
        assert setting.description.split()[0] in line


@pytest.mark.parametrize(
    ("command", "secrets"),
    [
        ("doctor", ["MQTT_PASSWORD", "KAFKA_PASSWORD", "INFLUX_TOKEN"]),
        ("topics list", ["KAFKA_PASSWORD"]),
        ("simulate", ["MQTT_PASSWORD"]),
    ],
)
def test_secrets_are_named_though_they_have_no_flag(
    command: str,
    secrets: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = _help_of(command, monkeypatch, capsys)
    named = [line.split()[0] for line in said.splitlines() if line.startswith("HEARTWARD_")]
    assert [name for name in named if name.endswith(("_PASSWORD", "_TOKEN"))] == [
        f"HEARTWARD_{secret}" for secret in secrets
    ]


def test_a_flag_of_a_connection_shows_its_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _help_of("topics list", monkeypatch, capsys)
    assert "127.0.0.1:9092" in said
    assert "SCRAM-SHA-512" in said


@pytest.mark.parametrize("kind", _ALL, ids=lambda kind: kind.__name__)
def test_every_setting_is_described(kind: type[BaseSettings]) -> None:
    assert [setting.name for setting in settings_of(kind) if not setting.description] == []


def test_defaults_are_written_as_one_would_write_them() -> None:
    defaults = {setting.name: setting.default for setting in settings_of(SimulatorSettings)}
    assert defaults["HEARTWARD_SIMULATOR_RATES_HZ"] == "2000"
    assert defaults["HEARTWARD_SIMULATOR_LOOP"] == "true"
    assert defaults["HEARTWARD_SIMULATOR_DRAIN_S"] == "10"
    assert defaults["HEARTWARD_SIMULATOR_REPORT"] == ""
    assert defaults["HEARTWARD_SIMULATOR_RECORDINGS"] == "packaged"


def test_a_worker_says_that_it_tells_no_rate_unless_asked_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = " ".join(_help_of("worker", monkeypatch, capsys).split())
    assert "only with HEARTWARD_WORKER_HEART=true" in said
    assert "no fast or slow heart alarms" in said
