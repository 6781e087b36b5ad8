"""A ward's devices share out rates, chunks, groups and recordings, the same for the same seed."""

from collections import Counter
from pathlib import Path

import pytest
import soundfile

from ingest.chunk import decode_chunk, is_device_id
from ingest.connections import load
from ingest.simulated_ward import SimulatedDevice, build
from ingest.simulator_report import DeviceReport
from ingest.simulator_settings import SimulatorSettings
from ingest.sounds import PACKAGED, recordings, synthetic
from models.errors import ConfigurationError, UserError

START_US = 1_790_000_000_000_000


def ward(**settings: object) -> list[SimulatedDevice]:
    return build(load(SimulatorSettings, settings), start_us=START_US)


def reports(devices: list[SimulatedDevice]) -> list[DeviceReport]:
    return [device.wearable.report() for device in devices]


def first_sound(device: SimulatedDevice) -> bytes:
    """The samples of the first chunk."""
    wearable = device.wearable
    wearable.on_connected(START_US)
    while True:
        sent = wearable.step(round(wearable.next_step_us))
        for message in sent:
            if message.topic.endswith("/audio"):
                return decode_chunk(message.payload).samples


def boots(devices: list[SimulatedDevice]) -> list[int]:
    """The boot id of each, once it is on."""
    for device in devices:
        first_sound(device)
    return [boot.boot_id for report in reports(devices) for boot in report.boots]


def test_a_run_of_the_same_seed_has_boots_of_its_own_unless_it_shall_repeat_them() -> None:
    one, other = (ward(devices=3, sound="synthetic", seed=4) for _ in range(2))
    assert [first_sound(device) for device in one] == [first_sound(device) for device in other]
    assert not set(boots(one)) & set(boots(other))
    again = [ward(devices=3, sound="synthetic", seed=4, repeat_boots=True) for _ in range(2)]
    assert boots(again[0]) == boots(again[1])


def test_ids_are_numbered_alike_and_valid() -> None:
    ids = [device.device_id for device in reports(ward(devices=120))]
    assert (ids[0], ids[-1]) == ("wearable-001", "wearable-120")
    assert len(set(ids)) == 120
    assert all(map(is_device_id, ids))
    assert reports(ward(devices=12))[0].device_id == "wearable-01"


def test_lists_go_to_the_devices_in_turn() -> None:
    devices = reports(
        ward(
            devices=6,
            rates_hz=(2000, 4000, 8000),
            chunk_s=(1.0, 0.25),
            encoding=("pcm_s16le", "flac"),
            groups=("east", "west"),
        )
    )
    assert [d.sample_rate_hz for d in devices] == [2000, 4000, 8000] * 2
    assert [d.chunk_samples for d in devices] == [2000, 1000, 8000, 500, 4000, 2000]
    assert [d.encoding for d in devices] == ["pcm_s16le", "flac"] * 3
    assert [d.group for d in devices] == ["east", "west"] * 3


def test_a_small_ward_hears_normal_and_abnormal_hearts_of_every_database() -> None:
    index = (PACKAGED / "index.csv").read_text(encoding="utf-8").splitlines()[1:]
    about = {line.split(".")[0]: line.split(",") for line in index}
    heard = [about[device.recordings[0]] for device in reports(ward(devices=12))]
    assert len({row[0] for row in heard}) == 12
    assert {row[3] for row in heard} == {row[3] for row in about.values()}
    assert min(Counter(row[1] for row in heard).values()) >= 4


def test_a_large_ward_hears_every_recording() -> None:
    heard = {device.recordings[0] for device in reports(ward(devices=50))}
    assert heard == {path.stem for path in recordings(PACKAGED)}


def test_none_asked_for_means_one_for_each_recording() -> None:
    heard = [device.recordings for device in reports(ward(devices=0, loop=False))]
    assert heard == [(path.stem,) for path in recordings(PACKAGED)]


def test_a_synthetic_ward_needs_no_recording(tmp_path: Path) -> None:
    devices = ward(devices=3, sound="synthetic", recordings=tmp_path)
    names = [device.recordings[0] for device in reports(devices)]
    assert names == ["synthetic-55-bpm", "synthetic-60-bpm", "synthetic-65-bpm"]
    expected = synthetic(2000, rate_bpm=65.0).samples[100:2000].tobytes()
    assert first_sound(devices[2])[200:] == expected  # after what the loop fades in


def test_devices_start_one_after_the_other_over_the_length_of_a_chunk() -> None:
    starts_us = [device.wearable.next_step_us - START_US for device in ward(devices=4)]
    assert starts_us == [0, 250_000, 500_000, 750_000]


def test_noise_is_each_devices_own_and_comes_again_with_the_seed() -> None:
    noisy = {"devices": 21, "fault_settings": {"noise_snr_db": 10.0}}
    one, other, again = (ward(**noisy, seed=seed) for seed in (1, 2, 1))
    # Devices 1 and 21 hear the same recording.
    assert first_sound(one[0]) != first_sound(one[20])
    assert first_sound(again[0]) == first_sound(ward(**noisy, seed=1)[0])
    assert first_sound(other[0]) != first_sound(again[20])


def test_an_unknown_fault_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="known, these are: none, gentle, rough"):
        ward(faults="wild")


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"RIFF, it says")
    with pytest.raises(UserError, match=r"noise\.wav cannot be read"):
        ward(devices=1, recordings=tmp_path)


def test_a_folder_of_ones_own_is_played_at_the_devices_rate(tmp_path: Path) -> None:
    samples, _ = soundfile.read(recordings(PACKAGED)[0], dtype="int16")
    soundfile.write(tmp_path / "mine.wav", samples[:16000], 4000)
    (device,) = ward(devices=0, recordings=tmp_path, loop=False)
    report = device.wearable.report()
    assert (report.recordings, report.sample_rate_hz) == (("mine",), 2000)
