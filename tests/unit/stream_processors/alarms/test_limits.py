"""Nonsense in a profile is refused in one line that names it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.errors import ConfigurationError
from stream_processors.alarms.limits import BUILT_IN, described, with_profile
from stream_processors.alarms.profiles import Profiles, load_profiles
from tests.unit.stream_processors.alarms.bedside import ANN


def test_a_profile_takes_the_place_of_what_it_names() -> None:
    limits = with_profile(BUILT_IN, {"tachycardia_bpm": 140, "finding_k": 3.0}, where="a1")
    assert (limits.tachycardia_bpm, limits.finding_k) == (140, 3)
    assert limits.bradycardia_bpm == BUILT_IN.bradycardia_bpm


def test_one_label_of_one_model_can_have_its_own_limit() -> None:
    limits = with_profile(BUILT_IN, {"finding_probability/valve/AS": 0.8}, where="a1")
    assert limits.probability_of("valve", "AS") == 0.8
    assert limits.probability_of("valve", "MR") == BUILT_IN.finding_probability


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ({"tachycardia_bpm": 0}, "tachycardia_bpm 0 is not in 60 to 215"),
        ({"tachycardia_bpm": 1e9}, "tachycardia_bpm 1000000000.0 is not in 60 to 215"),
        ({"tachycardia_bpm": float("nan")}, "tachycardia_bpm nan is not in 60 to 215"),
        ({"tachycardia_bpm": float("inf")}, "tachycardia_bpm inf is not in 60 to 215"),
        ({"tachycardia_bpm": "fast"}, "tachycardia_bpm fast is not in 60 to 215"),
        ({"tachycardia_bpm": True}, "tachycardia_bpm True is not in 60 to 215"),
        ({"tachycardia_bpm": 220}, "tachycardia_bpm 220 is not in 60 to 215"),  # none is told
        ({"bradycardia_bpm": 30}, "bradycardia_bpm 30 is not in 35 to 120"),
        ({"tachycardia": 120}, "there is no 'tachycardia': did you mean tachycardia_bpm?"),
        ({"x" * 500: 1}, "there is no 'xxx"),
        ({"finding_k": 2.5}, "finding_k 2.5 is no whole number"),
        ({"finding_k": 20}, "finding_k 20 is more than finding_n 6"),
        ({"rate_clear_k": 9}, "rate_clear_k 9 is more than rate_clear_n 6"),
        ({"bradycardia_bpm": 110, "tachycardia_bpm": 100}, "bradycardia_bpm 110 is above"),
        ({"bradycardia_bpm": 112}, "leave no rate that clears both"),
        ({"finding_clear_probability": 0.9}, "is above finding_probability 0.84"),
        ({"finding_probability/screen": 0.6}, "is not finding_probability/MODEL/LABEL"),
        ({"finding_probability/screen/abnormal": 2}, "abnormal 2 is not in 0.05 to 0.999"),
        ({"audio_pause_s": 86_400}, "audio_pause_s 86400 is not in 10 to 120"),
        ({"standby_s": 20_000}, "standby_s 20000 is above standby_most_s 14400"),
        ({"clock_clear_s": 9}, "clock_clear_s 9 is above clock_off_s 5"),
    ],
)
def test_nonsense_is_refused(profile: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        with_profile(BUILT_IN, profile, where="assignment a1")
    text = str(refused.value)
    assert text.startswith("limits of assignment a1: ")
    assert message in text
    assert "\n" not in text
    assert len(text) < 250


OWN = "a model of one's own counts once HEARTWARD_WORKER_MODELS_DIR names its folder"
LABELS = {"screen": ("normal", "abnormal"), "valve": ("AS", "N"), "unlisted": ()}


@pytest.mark.parametrize(
    "name", ["scren/abnormal", "screen/abnormol", "screen/normal", "valve/N", "valve/as"]
)
def test_a_limit_of_a_label_that_no_model_raises_is_refused_with_those_that_there_are(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(f'[ward.west]\n"finding_probability/{name}" = 0.7\n')
    assert load_profiles(file) is not None  # nobody has said which models there are
    with pytest.raises(ConfigurationError) as refused:
        load_profiles(file, labels=LABELS)
    assert str(refused.value) == (
        f"limits of {file}, ward west: 'finding_probability/{name}' is of no label that an "
        "installed model raises: there are screen/abnormal, valve/AS, unlisted/LABEL"
        + ("; " + OWN if name.startswith("scren") else "")
    )


@pytest.mark.parametrize("name", ["screen/abnormal", "valve/AS", "unlisted/anything"])
def test_a_limit_of_a_label_that_a_model_raises_is_taken(name: str, tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(f'tachycardia_bpm = 130\n"finding_probability/{name}" = 0.7\n')
    profiles = load_profiles(file, labels=LABELS)
    assert profiles.common.finding_probabilities == {name: 0.7}


def test_every_default_is_within_its_own_bounds() -> None:
    for name, default, low, high, what in described():
        assert low <= default <= high, name
        assert what
    assert with_profile(BUILT_IN, {n: d for n, d, *_ in described()}, where="x") == BUILT_IN


def test_a_refused_assignment_leaves_the_wards_limits_in_force(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("tachycardia_bpm = 130\n[ward.west]\nbradycardia_bpm = 45\n")
    profiles = load_profiles(file)
    limits, refusal = profiles.of(msgspec.structs.replace(ANN, limits={"tachycardia_bpm": 7.0}))
    assert (limits.tachycardia_bpm, limits.bradycardia_bpm) == (130, 45)
    assert refusal == (
        "limits of assignment a1: tachycardia_bpm 7.0 is not in 60 to 215; the ward's limits hold"
    )


def test_an_assignment_overrides_its_ward_and_a_later_version_the_earlier(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(
        "[ward.west]\ntachycardia_bpm = 130\n"
        "[ward.west.finding_probability.screen]\nabnormal = 0.7\n"
    )
    profiles = load_profiles(file)
    assert profiles.of(ANN)[0].tachycardia_bpm == 130
    assert profiles.of(ANN)[0].probability_of("screen", "abnormal") == 0.7
    assert profiles.of(msgspec.structs.replace(ANN, ward="east"))[0] == BUILT_IN
    changed = msgspec.structs.replace(ANN, limits={"tachycardia_bpm": 150.0})
    assert profiles.of(changed)[0].tachycardia_bpm == 150
    assert Profiles().of(None) == (BUILT_IN, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tachycardia_bpm = ", "is no TOML"),
        ("ward = 3", "[ward.NAME] is no table of limits"),
        ("[ward.west]\nbradycardia_bpm = 500", "ward west: bradycardia_bpm 500 is not in"),
        ("\xff", "limits.toml"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"limits\.toml") as refused:
        load_profiles(file)
    assert message in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_profiles(tmp_path / "gone.toml")
    assert load_profiles(None).common == BUILT_IN
