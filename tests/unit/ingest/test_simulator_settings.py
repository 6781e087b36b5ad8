"""A ward is described by plain words in the environment, and nonsense is refused in one line."""

from pathlib import Path

import pytest

from deploy.flags import environment_of
from ingest.connections import load
from ingest.simulator_settings import SimulatorSettings
from models.errors import ConfigurationError


def settings(monkeypatch: pytest.MonkeyPatch, **given: str) -> SimulatorSettings:
    for name, value in given.items():
        monkeypatch.setenv(f"HEARTWARD_SIMULATOR_{name}", value)
    return load(SimulatorSettings)


def test_lists_are_given_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    ward = settings(
        monkeypatch,
        RATES_HZ="2000,4000, 8000",
        CHUNK_S="0.25,2",
        ENCODING="flac",
        GROUPS="east,west",
        FAULT_SETTINGS="jitter_s=0.5, loss_fraction=0.01",
    )
    assert ward.rates_hz == (2000, 4000, 8000)
    assert ward.chunk_s == (0.25, 2.0)
    assert ward.encoding == ("flac",)
    assert ward.groups == ("east", "west")
    assert ward.fault_settings == {"jitter_s": 0.5, "loss_fraction": 0.01}


def test_settings_survive_the_way_through_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "rates_hz": (2000, 8000),
        "encoding": ("flac",),
        "groups": ("east", "west"),
        "fault_settings": {"loss_fraction": 0.01},
        "recordings": Path("somewhere"),
        "loop": False,
        "duration_s": 9.5,
    }
    ward = load(SimulatorSettings, given)
    for name, value in environment_of(ward).items():
        monkeypatch.setenv(name, value)
    assert load(SimulatorSettings) == ward


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RATES_HZ", "2000,2001", "sample rate 2001 Hz is not one of"),
        ("RATES_HZ", "fast", "RATES_HZ_0 .*valid integer"),
        ("RATES_HZ", "", "RATES_HZ .*at least 1"),
        ("CHUNK_S", "0.1", "chunks of 0.1 s are not 0.25 to 2.0 s"),
        ("CHUNK_S", "nan", "chunks of nan s are not"),
        ("ENCODING", "mp3", "ENCODING_0 .*'pcm_s16le' or 'flac'"),
        ("GROUPS", "north/east", "'north/east' is not 1 to 64 characters"),
        ("DEVICE_PREFIX", "bed 1.", "'bed 1.12' is not 1 to 64 characters"),
        ("DEVICES", "-1", "DEVICES .*greater than or equal to 0"),
        ("SOUND", "music", "SOUND .*'recordings' or 'synthetic'"),
        ("DURATION_S", "0", "DURATION_S .*greater than 0"),
        ("FAULT_SETTINGS", "jitter_s=much", "FAULT_SETTINGS_JITTER_S .*valid number"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        settings(monkeypatch, **{name: value})
    assert "\n" not in str(refused.value)


def test_chunks_that_no_payload_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="chunks of 176400 bytes are over 65536"):
        settings(monkeypatch, RATES_HZ="2000,44100", CHUNK_S="2")


def test_every_setting_is_explained() -> None:
    for name, field in SimulatorSettings.model_fields.items():
        assert field.description, name
