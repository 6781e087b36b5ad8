"""A folder of tones and clicks whose spectrum and counts are known."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.datasets import commands, folder
from training.datasets.describe import GRID_HZ, decibels, describe, listen, spectrum
from training.datasets.recordings import DataSet

RATE_HZ = 4000
TABLE = """\
path,label,subject,database,site,age_group,sex
1.wav,normal,anna,one,AV,child,female
2.wav,normal,anna,one,MV,child,female
3.wav,AS;MR,ben,two,,,
"""


def tone(frequency_hz: float, seconds: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.round(8000 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.int16)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    home = tmp_path / "own"
    home.mkdir()
    for name, frequency_hz, seconds in (("1", 70, 2), ("2", 70, 4), ("3", 300, 6)):
        soundfile.write(home / f"{name}.wav", tone(frequency_hz, seconds), RATE_HZ)
    (home / "labels.csv").write_text(TABLE)
    return home


@pytest.fixture
def data(own: Path) -> DataSet:
    return folder.load(own)


def test_recordings_people_and_lengths_are_counted(data: DataSet) -> None:
    found = describe(data)
    assert (found.recordings, found.subjects, found.most_of_one_subject) == (3, 2, 2)
    assert found.durations.median_s == 4.0
    assert (found.durations.shortest_s, found.durations.longest_s) == (2.0, 6.0)
    assert found.rates_hz == {RATE_HZ: 3}
    assert found.sites == {"AV": 1, "MV": 1}
    assert (found.age_groups, found.sexes) == ({"child": 2}, {"female": 2})


def test_labels_that_concur_count_for_each(data: DataSet) -> None:
    found = describe(data)
    assert list(found.labels) == ["normal", "AS", "MR"]
    assert [group.recordings for group in found.labels.values()] == [2, 1, 1]
    assert [group.subjects for group in found.labels.values()] == [1, 1, 1]
    assert found.databases["two"].labels == {"AS": 1, "MR": 1}


def test_power_is_in_the_band_of_the_tone_whatever_its_loudness(data: DataSet) -> None:
    found = describe(data, listen(data))
    places = {"normal": (50, 100), "AS": (200, 400)}
    for label, band in places.items():
        levels_db = found.labels[label].band_db
        assert levels_db is not None
        loudest = found.bands_hz[int(np.argmax(levels_db))]
        assert loudest == band
        assert max(levels_db) == pytest.approx(0.0, abs=0.2)
    assert found.databases["one"].band_db == found.labels["normal"].band_db


@pytest.mark.parametrize("rate_hz", [1000, 2000, 8000, 44_100])
def test_the_spectrum_has_one_grid_at_every_rate(rate_hz: int) -> None:
    power = spectrum(tone(100, 3, rate_hz), rate_hz)
    assert len(power) == 401
    assert np.nanargmax(power) * GRID_HZ == 100
    assert np.isnan(power).sum() == max(0, 400 - rate_hz / 2 / GRID_HZ)


def test_above_all_rates_there_is_no_level() -> None:
    low, high = spectrum(tone(100, 3, 1000), 1000), spectrum(tone(100, 3, 2000), 2000)
    assert np.isnan(decibels(low[None])).sum() == 150
    both = decibels(np.stack([low, high]))
    assert np.isfinite(both).all()
    assert np.argmax(both) * GRID_HZ == 100


def test_a_clip_too_short_for_the_grid_and_silence_have_a_spectrum_too() -> None:
    assert np.nanargmax(spectrum(tone(100, 0.1), RATE_HZ)) * GRID_HZ == pytest.approx(100, abs=6)
    assert np.isfinite(spectrum(np.zeros(RATE_HZ, np.int16), RATE_HZ)).all()


def test_the_description_is_a_table_or_one_line_of_json(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.show_description(str(own), None, as_json=False)
    shown = capsys.readouterr().out
    assert "3 recordings, 0 of unsure quality" in shown
    assert "site: AV 1, MV 1" in shown
    commands.show_description(str(own), None, as_json=True)
    told = capsys.readouterr()
    (line,) = told.out.splitlines()
    assert not told.err
    found = json.loads(line)
    assert (found["name"], found["recordings"]) == ("own", 3)
    assert found["labels"]["normal"]["labels"] == {"normal": 2}


def test_the_list_says_what_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEARTWARD_DATA", str(tmp_path))
    home = tmp_path / "pascal2011" / "set_a"
    home.mkdir(parents=True)
    soundfile.write(home / "murmur__201101051104.wav", tone(70, 1), RATE_HZ)
    commands.show_list(as_json=True)
    known = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert known["pascal2011"]["recordings"] == 1
    assert known["bmdhs"]["folder"] is None
    assert "research use" in known["yaseen2018"]["licence"]
    commands.show_list(as_json=False)
    assert f"looked for in {tmp_path}" in capsys.readouterr().out
