"""A simulated ward on a real broker: all of it is heard, acknowledged and reported."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ingest import simulator_report, sounds
from ingest.chunk import Lane
from ingest.playback import Playback
from ingest.simulator_report import BootReport, DeviceReport, SimulatorReport
from tests.integration.scripted_bridge import Boot, ScriptedBridge
from tests.processes import Part
from tests.servers import ROOT, EmbeddedMqtt, Server
from tests.waiting import until

Simulate = Callable[..., Part]


@pytest.fixture
def mqtt(tmp_path: Path) -> Iterator[Server]:
    """A broker of the test's own, which it may kill; no retained status of another test."""
    server = EmbeddedMqtt(tmp_path / "mqtt")
    yield server.start()
    server.stop()


@pytest.fixture
def simulate(mqtt: Server, tmp_path: Path) -> Iterator[Simulate]:
    started = []

    def start(**settings: object) -> Part:
        environment = {"HEARTWARD_MQTT_PORT": mqtt.port} | {
            f"HEARTWARD_SIMULATOR_{name.upper()}": value
            for name, value in ({"report": tmp_path / "report.json"} | settings).items()
        }
        part = Part("simulator", "ingest.simulator", environment, folder=tmp_path)
        started.append(part)
        part.start()
        return part

    yield start
    for part in started:
        part.kill()


def ended(part: Part, *, within_s: float) -> SimulatorReport:
    assert part.wait(within_s) == 0, part.log.read_text()[-3000:]
    return simulator_report.read(part.folder / "report.json")


def boots(report: SimulatorReport) -> list[tuple[DeviceReport, BootReport]]:
    return [(device, boot) for device in report.devices for boot in device.boots]


def heard(bridge: ScriptedBridge, device: DeviceReport, boot: BootReport) -> npt.NDArray[np.int16]:
    return bridge.sound(Boot(device.group, device.device_id, boot.boot_id))


def recorded(device: DeviceReport, samples: int) -> npt.NDArray[np.int16]:
    """What a device without faults hears in its first so many samples."""
    path = next(p for p in sounds.recordings(sounds.PACKAGED) if p.stem == device.recordings[0])
    playback = Playback(
        sounds.load(path, device.sample_rate_hz),
        chunk_samples=device.chunk_samples,
        encoding="pcm_s16le",
        loop=True,
    )
    pieces = [playback.piece(index) for index in range(samples // device.chunk_samples)]
    return np.frombuffer(b"".join(piece.encoded for piece in pieces if piece), dtype="<i2")


@pytest.mark.parametrize("connections", [0, 2])
def test_every_device_is_heard_bit_for_bit_and_sees_all_of_it_acknowledged(
    mqtt: Server, simulate: Simulate, connections: int
) -> None:
    with ScriptedBridge(mqtt.port) as bridge:
        ward = simulate(
            devices=6,
            rates_hz="2000,4000,8000",
            chunk_s="0.25,0.73,1,2",
            encoding="pcm_s16le,flac",
            groups="east,west",
            connections=connections,
            duration_s=6,
        )
        report = ended(ward, within_s=30)
        until(lambda: len(bridge.statuses) == 6, "all have said goodbye", timeout_s=5)

    assert report.is_final
    assert len(boots(report)) == 6
    for device, boot in boots(report):
        sound = heard(bridge, device, boot)
        np.testing.assert_array_equal(sound, recorded(device, len(sound)))
        assert len(sound) == boot.produced_to_sample == boot.acknowledged_to_sample
        assert len(sound) / device.sample_rate_hz > 3.9
    assert report.totals.chunks_resent == report.totals.chunks_history == 0
    assert {status.state for status in bridge.statuses.values()} == {"offline"}


def test_a_folder_is_sent_once_each_recording_whole_and_the_ward_ends_by_itself(
    mqtt: Server, simulate: Simulate, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    rng = np.random.default_rng(1)
    files = {f"r{n}": rng.integers(-9000, 9000, 3000 + 777 * n, dtype=np.int16) for n in range(4)}
    for name, samples in files.items():
        soundfile.write(folder / f"{name}.flac", samples, 2000)

    with ScriptedBridge(mqtt.port) as bridge:
        ward = simulate(devices=0, recordings=folder, loop=False, chunk_s="0.73")
        report = ended(ward, within_s=30)

    assert [device.recordings for device in report.devices] == [(name,) for name in files]
    for device, boot in boots(report):
        np.testing.assert_array_equal(heard(bridge, device, boot), files[device.recordings[0]])


@pytest.mark.parametrize("connections", [2, pytest.param(0, marks=pytest.mark.slow)])
def test_when_the_broker_is_killed_and_forgets_all_the_devices_send_it_again(
    mqtt: Server, simulate: Simulate, connections: int
) -> None:
    with ScriptedBridge(mqtt.port) as bridge:
        ward = simulate(devices=6, connections=connections, duration_s=10, drain_s=20)
        until(lambda: bridge.arrived[Lane.AUDIO] > 20, "the ward is on", timeout_s=20)
        mqtt.kill()
        time.sleep(3)
        mqtt.start()
        report = ended(ward, within_s=50)

    for device, boot in boots(report):
        sound = heard(bridge, device, boot)
        np.testing.assert_array_equal(sound, recorded(device, len(sound)))
        assert len(sound) >= 8 * 2000
        assert boot.acknowledged_to_sample == boot.produced_to_sample == len(sound)


@pytest.mark.slow
def test_a_rough_ward_gets_everything_through_in_the_end(mqtt: Server, simulate: Simulate) -> None:
    faults = "outage_every_s=8,outage_s=4,loss_fraction=0.05,duplicate_fraction=0.1,jitter_s=0.4"
    with ScriptedBridge(mqtt.port) as bridge:
        ward = simulate(
            devices=8,
            connections=2,
            faults="rough",
            fault_settings=f"{faults},reboot_every_s=0",
            duration_s=20,
            drain_s=40,
        )
        report = ended(ward, within_s=75)

    totals = report.totals
    assert min(totals.lost_on_the_way, totals.doubled_on_the_way, totals.chunks_history) > 0
    assert totals.chunks_resent > 0
    for device, boot in boots(report):
        assert boot.acknowledged_to_sample == boot.produced_to_sample
        assert len(heard(bridge, device, boot)) == boot.produced_to_sample


def test_asked_to_end_it_stops_recording_waits_for_its_acks_and_says_goodbye(
    mqtt: Server, simulate: Simulate
) -> None:
    with ScriptedBridge(mqtt.port) as bridge:
        ward = simulate(devices=3)
        until(lambda: bridge.arrived[Lane.AUDIO] > 6, "the ward is on", timeout_s=20)
        assert {status.state for status in bridge.statuses.values()} == {"online"}
        ward.send_signal(signal.SIGTERM)
        report = ended(ward, within_s=5)
        until(
            lambda: {status.state for status in bridge.statuses.values()} == {"offline"},
            "all have said goodbye",
            timeout_s=5,
        )
    assert all(b.acknowledged_to_sample == b.produced_to_sample > 0 for _, b in boots(report))
    assert "3 devices recorded" in ward.log.read_text().splitlines()[-1]


def test_asked_twice_it_ends_at_once_and_still_reports(mqtt: Server, simulate: Simulate) -> None:
    with ScriptedBridge(mqtt.port, acknowledging=False) as bridge:
        ward = simulate(devices=3, drain_s=60)
        until(lambda: bridge.arrived[Lane.AUDIO] > 6, "the ward is on", timeout_s=20)
        ward.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert ward.is_running
        ward.send_signal(signal.SIGINT)
        report = ended(ward, within_s=2)
    assert report.is_final
    assert report.totals.audio_acknowledged_s == 0


def test_when_nothing_was_acknowledged_it_fails_and_says_so(
    mqtt: Server, simulate: Simulate
) -> None:
    ward = simulate(devices=2, duration_s=2, drain_s=1)

    assert ward.wait(15) == 1
    last = ward.log.read_text().splitlines()[-1]
    why = rf"none of \d s of sound was acknowledged: does a bridge serve 127.0.0.1:{mqtt.port}\?"
    assert re.fullmatch(why, last)


def test_killed_it_leaves_its_last_report_and_the_broker_says_goodbye(
    mqtt: Server, simulate: Simulate, tmp_path: Path
) -> None:
    with ScriptedBridge(mqtt.port) as bridge:
        ward = simulate(devices=2)
        path = tmp_path / "report.json"
        until(
            lambda: path.exists() and simulator_report.read(path).totals.chunks_sent > 4,
            "a report on the way",
            timeout_s=20,
        )
        ward.kill()
        until(
            lambda: {status.state for status in bridge.statuses.values()} == {"offline"},
            "the last wills are published",
            timeout_s=10,
        )
    report = simulator_report.read(path)
    assert not report.is_final
    assert {status.boot_id for status in bridge.statuses.values()} == {
        boot.boot_id for _, boot in boots(report)
    }
    assert json.loads(path.read_text())["devices"][0]["device_id"] == "wearable-01"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HEARTWARD_MQTT_PORT": "1"}, "MQTT broker 127.0.0.1:1 cannot be used"),
        ({"HEARTWARD_SIMULATOR_FAULTS": "wild"}, "these are: none, gentle, rough"),
        ({"HEARTWARD_SIMULATOR_RECORDINGS": "nowhere"}, "recordings folder nowhere cannot"),
        ({"HEARTWARD_SIMULATOR_REPORT": "nowhere/x.json"}, "report nowhere/x.json cannot be"),
        ({"HEARTWARD_SIMULATOR_RATES_HZ": "3"}, "sample rate 3 Hz is not one of"),
    ],
)
def test_what_cannot_be_used_gets_one_line_and_a_failure(
    embedded_mqtt: Server, settings: dict[str, str], said: str
) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HEARTWARD_MQTT_PORT": str(embedded_mqtt.port)}
    done = subprocess.run(
        [sys.executable, "-m", "ingest.simulator"],
        check=False,
        capture_output=True,
        cwd=ROOT,
        env=environment | settings,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
