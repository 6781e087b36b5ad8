"""A simulated ward on Mosquitto, as strict as it is shipped and as narrow as it comes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ingest import simulator_report
from ingest.simulator_report import SimulatorReport
from tests.integration.bridges import bridge, with_topics
from tests.integration.scripted_bridge import ScriptedBridge
from tests.integration.secured_mosquitto import SecuredMosquitto
from tests.processes import Part
from tests.servers import Server

PASSWORDS = {
    "heartward.bridge": "of-the-bridge",
    "wearable-01": "of-the-ward",
    "wearable-02": "of-the-ward",
}


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[SecuredMosquitto]:
    server = SecuredMosquitto(tmp_path / "mosquitto", PASSWORDS)
    server.start()
    yield server
    server.stop()


def access(broker: SecuredMosquitto, **who: str) -> dict[str, str]:
    return {
        "HEARTWARD_MQTT_HOST": "localhost",
        "HEARTWARD_MQTT_TLS": "true",
        "HEARTWARD_MQTT_CA_FILE": str(broker.ca_file),
    } | {f"HEARTWARD_MQTT_{name.upper()}": value for name, value in who.items()}


def simulator(folder: Path, settings: Mapping[str, object]) -> Part:
    own = {"HEARTWARD_SIMULATOR_REPORT": folder / "report.json", **settings}
    return Part("simulator", "ingest.simulator", own, folder=folder)


def ended(part: Part, *, within_s: float) -> SimulatorReport:
    assert part.wait(within_s) == 0, part.log.read_text()[-3000:]
    return simulator_report.read(part.folder / "report.json")


def all_is_acknowledged(report: SimulatorReport) -> bool:
    return all(
        boot.acknowledged_to_sample == boot.produced_to_sample > 0
        for device in report.devices
        for boot in device.boots
    )


def test_with_a_password_alone_each_device_logs_in_over_tls_as_itself(
    secured: SecuredMosquitto, embedded_kafka: Server, tmp_path: Path
) -> None:
    of_bridge = access(secured, user="heartward.bridge", password=PASSWORDS["heartward.bridge"])
    brokers = with_topics(secured, embedded_kafka)._replace(access=of_bridge)
    settings = access(secured, port=str(secured.device_port), password="of-the-ward") | {  # noqa: S106
        "HEARTWARD_SIMULATOR_DEVICES": "2",
        "HEARTWARD_SIMULATOR_GROUPS": "simulated",
        "HEARTWARD_SIMULATOR_DURATION_S": "4",
    }
    with bridge(brokers, tmp_path, groups="simulated"):
        report = ended(simulator(tmp_path, settings).start(), within_s=25)
    assert all_is_acknowledged(report)


def test_a_wrong_password_gets_one_line_and_a_failure(
    secured: SecuredMosquitto, tmp_path: Path
) -> None:
    settings = access(secured, port=str(secured.device_port), password="guessed")  # noqa: S106
    part = simulator(tmp_path, settings).start()
    assert part.wait(15) == 1
    (line,) = part.log.read_text().splitlines()
    assert line.startswith(f"MQTT broker localhost:{secured.device_port} refuses")


def test_what_the_broker_does_not_let_a_device_write_is_said(
    secured: SecuredMosquitto, tmp_path: Path
) -> None:
    one_for_all = {"user": "wearable-01", "password": PASSWORDS["wearable-01"]}
    settings = access(secured, port=str(secured.device_port), **one_for_all) | {
        "HEARTWARD_SIMULATOR_DEVICES": "2",
        "HEARTWARD_SIMULATOR_DURATION_S": "3",
        "HEARTWARD_SIMULATOR_DRAIN_S": "0",
    }
    part = simulator(tmp_path, settings).start()
    assert part.wait(20) == 1  # no bridge, so nothing is acknowledged
    said = part.log.read_text()
    assert "refuses what wearable-02 publishes (not authorized): check its ACL" in said
    assert "refuses what wearable-01" not in said


def test_many_devices_share_a_connection_that_takes_twenty_messages_at_a_time(
    mosquitto: Server, tmp_path: Path
) -> None:
    settings = {
        "HEARTWARD_MQTT_PORT": mosquitto.port,
        "HEARTWARD_SIMULATOR_DEVICES": 100,
        "HEARTWARD_SIMULATOR_GROUPS": "narrow",
        "HEARTWARD_SIMULATOR_CONNECTIONS": 1,
        "HEARTWARD_SIMULATOR_CHUNK_S": 0.25,
        "HEARTWARD_SIMULATOR_DURATION_S": 4,
    }
    with ScriptedBridge(mosquitto.port):
        report = ended(simulator(tmp_path, settings).start(), within_s=30)
    assert all_is_acknowledged(report)
    assert report.totals.chunks_sent == report.totals.chunks_recorded >= 100 * 15
