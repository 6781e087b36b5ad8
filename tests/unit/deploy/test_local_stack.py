"""Which processes run, after which others, and with whose addresses."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local_stack import Hooks, Login, Plan, Simulation, parts, readers, settle
from deploy.supervisor import Part
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection, load
from ingest.simulated_ward import build
from ingest.simulator_settings import SimulatorSettings
from models.errors import UserError

_HOOKS = Hooks(has_reported=lambda _pid: True, prepare_kafka=lambda: None)


def _parts(plan: Plan) -> dict[str, Part]:
    return {part.name: part for part in parts(plan, settle(plan), _HOOKS)}


def _plan(**given: Any) -> Plan:
    return Plan(influx=InfluxConnection.model_construct(), **given)


def test_the_demonstration_needs_nothing_from_outside() -> None:
    ward = _parts(_plan(simulation=Simulation(beds=12, faults="none")))
    assert list(ward) == ["mqtt", "kafka", "bridge", "worker-1", "alarms", "simulator"]
    assert ward["bridge"].after == ("mqtt", "kafka")
    assert ward["simulator"].after == ("bridge",)


def test_a_console_follows_kafka_and_is_told_who_gets_in() -> None:
    login = Login(port=8123, user="demo", password="secret")  # noqa: S106 (a test's)
    ward = _parts(_plan(simulation=Simulation(beds=1, faults="none"), console=login))
    console = ward["console"]
    assert console.after == ("kafka",)
    assert console.falls_with == ("kafka",)
    environment = dict(console.environment or {})
    assert environment["HEARTWARD_CONSOLE_PORT"] == "8123"
    assert environment["HEARTWARD_CONSOLE_LOGIN_PASSWORD"] == "secret"  # noqa: S105 (a test's)
    assert "HEARTWARD_CONSOLE_LOGIN_PASSWORD" not in dict(ward["bridge"].environment or {})


def test_what_the_console_has_not_stored_yet_is_kept_when_kafka_is_emptied() -> None:
    plan = _plan(console=Login(port=8123))
    assert "heartward-console" in readers(plan)["pcg.results"]
    assert "heartward-console" not in readers(_plan())["pcg.results"]


def test_what_knows_an_embedded_kafka_falls_with_it_and_the_wearables_do_not() -> None:
    ward = _parts(_plan(workers=2, simulation=Simulation(beds=1, faults="none")))
    falling = {name for name, part in ward.items() if "kafka" in part.falls_with}
    assert falling == {"bridge", "worker-1", "worker-2", "alarms"}


def test_given_brokers_are_not_started_again() -> None:
    mqtt = load(
        MqttConnection,
        {"host": "broker", "port": 8883, "tls": True, "user": "u", "password": "p"},
    )
    kafka = load(KafkaConnection, {"servers": "a:1,b:2"})
    ward = _parts(_plan(mqtt=mqtt, kafka=kafka))
    assert list(ward) == ["bridge", "worker-1", "alarms"]
    environment = ward["bridge"].environment or {}
    assert environment["HEARTWARD_MQTT_HOST"] == "broker"
    assert environment["HEARTWARD_MQTT_PASSWORD"] == "p"  # noqa: S105
    assert environment["HEARTWARD_KAFKA_SERVERS"] == "a:1,b:2"
    assert environment["OMP_NUM_THREADS"] == "1"


def test_settings_for_other_brokers_do_not_reach_the_embedded_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEARTWARD_MQTT_USER", "somebody")
    monkeypatch.setenv("HEARTWARD_KAFKA_TLS", "true")
    environment = _parts(_plan())["bridge"].environment or {}
    assert "HEARTWARD_MQTT_USER" not in environment
    assert environment["HEARTWARD_KAFKA_TLS"] == "False"


@pytest.mark.parametrize("in_file", [False, True])
def test_a_simulated_ward_is_told_nothing_that_is_meant_for_another(
    in_file: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    foreign = {
        "HEARTWARD_BRIDGE_GROUPS": "other",
        "HEARTWARD_SIMULATOR_GROUPS": "other",
        "HEARTWARD_MQTT_USER": "somebody",
        "HEARTWARD_WATCH_PORT": "9100",
    }
    given = foreign | {"HEARTWARD_WORKER_MODELS_DIR": "/models"}
    if in_file:
        file = tmp_path / "ward.env"
        file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        given = {"HEARTWARD_ENV_FILE": str(file)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    simulated = _parts(_plan(simulation=Simulation(beds=1, faults="none")))
    for name in ("bridge", "worker-1", "alarms", "simulator"):
        told = dict(simulated[name].environment or {})
        assert not {*foreign, "HEARTWARD_ENV_FILE"} & set(told), name
        assert told["HEARTWARD_WORKER_MODELS_DIR"] == "/models"
    told = dict(_parts(_plan())["bridge"].environment or {})
    assert told["HEARTWARD_BRIDGE_GROUPS"] == "other"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"mqtt": load(MqttConnection, {"port": 1884}), "listen_mqtt": 31883},
            "--listen-mqtt 31883 is for an embedded broker, but HEARTWARD_MQTT_PORT ",
        ),
        (
            {"kafka": load(KafkaConnection, {"servers": "a:1"}), "listen_kafka": 31883},
            "--listen-kafka 31883 is for an embedded broker, but HEARTWARD_KAFKA_SERVERS ",
        ),
    ],
)
def test_a_port_for_a_broker_that_is_not_started_here_is_refused(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as error:
        settle(_plan(**given))
    assert said in str(error.value)


def test_the_writer_runs_where_a_database_is_given_and_is_told_where() -> None:
    influx = load(InfluxConnection, {"url": "http://db:8086", "token": "t", "bucket": "b"})
    environment = _parts(Plan(influx=influx))["influx"].environment or {}
    assert environment["HEARTWARD_INFLUX_URL"] == "http://db:8086"
    assert environment["HEARTWARD_INFLUX_TOKEN"] == "t"  # noqa: S105 (a test's)
    assert environment["HEARTWARD_INFLUX_BUCKET"] == "b"


def test_results_are_kept_for_everybody_who_reads_them() -> None:
    writing = Plan(influx=load(InfluxConnection, {"url": "http://db:8086"}))
    environment = _parts(writing)["influx"].environment or {}
    writer, alarms = environment["HEARTWARD_INFLUX_GROUP"], environment["HEARTWARD_ALARMS_GROUP"]
    assert readers(_plan())["pcg.results"] == (alarms,)
    assert set(readers(writing)["pcg.results"]) == {alarms, writer}
    assert readers(writing)["pcg.alarm-actions"] == (alarms,)
    assert readers(writing)["pcg.audio"] == (environment["HEARTWARD_WORKER_GROUP"],)


def test_the_log_of_alarms_is_kept_whole() -> None:
    assert readers(_plan())["pcg.alarms"] == ()


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} .* in use.*--listen-mqtt"):
            settle(_plan(listen_mqtt=port))


def test_two_brokers_do_not_share_a_port() -> None:
    with pytest.raises(UserError, match="both name 31883: give each its own"):
        settle(_plan(listen_mqtt=31883, listen_kafka=31883))


@pytest.mark.parametrize("beds", [1, 12, 120])
def test_assigned_devices_are_those_that_the_simulator_plays(
    beds: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    simulation = Simulation(beds=beds, faults="none", report=tmp_path / "report.json")
    for name, value in simulation.environment().items():
        monkeypatch.setenv(name, value)
    settings = load(SimulatorSettings)
    assert settings.report == tmp_path / "report.json"
    built = [device.wearable.device_id for device in build(settings, start_us=0)]
    assert built == simulation.device_ids()


def test_who_plans_a_ward_does_not_load_what_makes_its_sound() -> None:
    code = "import sys, deploy.show; print(sorted({'scipy', 'onnxruntime'} & set(sys.modules)))"
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert asked.stdout.strip() == "[]"
