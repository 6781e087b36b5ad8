"""A table of recordings that an 80-column terminal can show, and a line for each bad file."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from deploy.classifying import classify_files, short_names
from ingest.sounds import PACKAGED
from models.errors import UserError
from models.predictor import OnnxPredictor, Predictor
from models.registry import Registry
from tests.unit.models import tiny

SOUND = (PACKAGED / "e00015.flac").read_bytes()
KINDS = ".aif, .aiff, .flac, .mp3, .oga, .ogg, .opus, .wav"
LONG = "recording-at-the-mitral-valve-area-in-the-morning-of-2026-11-20.flac"


@pytest.fixture(scope="module")
def models() -> Sequence[Predictor]:
    return Registry().defaults()


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def put(path: Path, content: bytes = SOUND) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/b/x.wav", "/a/c/y.wav"], ["x.wav", "y.wav"]),
        (["/a/b/x.wav", "/a/c/x.wav", "/a/c/y.wav"], ["b/x.wav", "c/x.wav", "y.wav"]),
        (["/a/b/d/x.wav", "/a/c/d/x.wav"], ["b/d/x.wav", "c/d/x.wav"]),
        (["/a/x.wav", "/b/d/x.wav", "/c/d/x.wav"], ["a/x.wav", "b/d/x.wav", "c/d/x.wav"]),
        (["x.wav", "a/x.wav"], ["x.wav", "a/x.wav"]),
        (["/x.wav", "x.wav"], ["/x.wav", "x.wav"]),
        (["/a/x.wav", "/a/x.wav"], ["x.wav", "x.wav"]),
    ],
)
def test_a_name_has_as_many_folders_as_tell_it_from_the_others(
    paths: list[str], names: list[str]
) -> None:
    assert short_names(paths) == names


def test_no_part_of_a_long_name_is_lost_in_80_columns(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [put(tmp_path / "a-folder-with-a-name" / bed / LONG) for bed in ("bed-3", "bed-4")]
    assert classify_files([*files, put(tmp_path / "other.flac")], models, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    shown = "".join(line.split("  ")[0].strip() for line in lines)
    for name in (f"bed-3/{LONG}", f"bed-4/{LONG}", "other.flac"):
        assert name in shown
    assert str(tmp_path) not in shown
    assert all(
        says in line for says in ("29.6 s", "10 of 10") for line in lines if "screen" in line
    )
    assert sum("screen" in line for line in lines) == 3


def test_json_has_every_path_as_it_was_given(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [put(tmp_path / bed / LONG) for bed in ("bed-3", "bed-4")]
    assert classify_files(files, models, as_json=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [msgspec.json.decode(line)["path"] for line in lines] == list(map(str, files))


def bad_and_good(folder: Path) -> tuple[list[Path], list[str]]:
    """Six names of which two can be used, and what is wrong with the others."""
    (folder / "empty").mkdir()
    files = [
        folder / "empty",
        put(folder / "empty.wav", b""),
        put(folder / "good.flac"),
        put(folder / "text.wav", b"hello\n"),
        folder / "gone.wav",
        put(folder / "better.flac"),
    ]
    return files, [
        f"{folder}/empty holds no recording: known are {KINDS}",
        f"{folder}/empty.wav is empty",
        f"{folder}/text.wav cannot be read as WAV, FLAC, OGG or MP3: Format not recognised.",
        f"{folder}/gone.wav cannot be read: No such file or directory",
    ]


def test_a_bad_file_costs_one_line_and_the_good_ones_are_still_classified(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    files, errors = bad_and_good(tmp_path)
    assert classify_files(files, models, as_json=False) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == errors
    assert said.out.count("good.flac") == said.out.count("better.flac") == 1


def test_json_has_a_line_for_each_file_in_order_and_error_in_those_of_bad_ones(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    files, errors = bad_and_good(tmp_path)
    assert classify_files(files, models, as_json=True) == 1
    said = capsys.readouterr()
    answers = [msgspec.json.decode(line) for line in said.out.splitlines()]
    assert [answer["path"] for answer in answers] == list(map(str, files))
    assert [answer["error"] for answer in answers if "error" in answer] == errors
    assert all(set(answer) == {"path", "error"} for answer in answers if "error" in answer)
    assert not said.err


def test_json_has_the_published_form(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify_files([put(tmp_path / "heart.flac")], models, as_json=True) == 0
    answer = msgspec.json.decode(capsys.readouterr().out)
    assert list(answer) == ["path", "duration_s", "inference_ms", "quality", "models", "heart"]
    heart = answer["heart"]
    assert list(heart) == ["rate_bpm", "confidence", "s1_s", "s2_s"]
    assert 40 < heart["rate_bpm"] < 120
    assert len(heart["s1_s"]) > answer["duration_s"] * 0.6
    assert answer["duration_s"] == pytest.approx(29.6, abs=0.05)
    assert answer["inference_ms"] > 0
    assert {"score", "verdict", "reasons"} <= set(answer["quality"])
    assert list(answer["models"]) == ["screen"]
    said = answer["models"]["screen"]
    assert list(said) == ["version", "label", "probabilities", "windows", "embedding_distance"]
    assert said["version"] == models[0].contract.version
    assert set(said["probabilities"]) == {"normal", "abnormal"}
    assert said["label"] == max(said["probabilities"], key=said["probabilities"].get)
    assert [window["start_s"] for window in said["windows"]] == [2.5 * k for k in range(10)]
    mean = sum(window["probabilities"]["abnormal"] for window in said["windows"]) / 10
    assert said["probabilities"]["abnormal"] == pytest.approx(mean)
    assert all(
        list(window) == ["start_s", "probabilities", "embedding_distance"]
        for window in said["windows"]
    )


def test_a_folder_is_walked(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [put(tmp_path / "ward" / name) for name in ("a.flac", "b.flac", "bed-1/a.flac")]
    put(tmp_path / "ward" / "notes.txt", b"no sound")
    assert classify_files([tmp_path / "ward"], models, as_json=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [msgspec.json.decode(line)["path"] for line in lines] == list(map(str, files))


_OF_A_PROCESS = """
import sys
from pathlib import Path
from deploy.classifying import classify_files
from models.registry import Registry
raise SystemExit(classify_files([Path(sys.argv[1])], Registry().installed(), as_json=True))
"""


def test_one_file_gives_the_same_bits_in_every_process(tmp_path: Path) -> None:
    put(tmp_path / "heart.flac")
    silence = np.zeros(2000, np.int16)
    soundfile.write(tmp_path / "silence.wav", silence, 2000)

    def said() -> list[bytes]:
        asked = [sys.executable, "-c", _OF_A_PROCESS, str(tmp_path)]
        out = subprocess.run(asked, capture_output=True, check=True, timeout=120).stdout
        return [re.sub(rb'"inference_ms":[^,]+,', b"", line) for line in out.splitlines()]

    first = said()
    assert len(first) == 2
    assert said() == first


def test_several_versions_of_a_model_are_told_apart_by_their_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path / "heart.flac")
    made = [
        OnnxPredictor(tiny.artifact(msgspec.structs.replace(tiny.CONTRACT, **own)))
        for own in (
            {"version": "1.0.0"},
            {"version": "2.0.0", "sample_rate_hz": 1000, "window_s": 2.0, "hop_s": 1.0},
            {"name": "other"},
        )
    ]
    assert classify_files([path], made, as_json=True) == 0
    found = msgspec.json.decode(capsys.readouterr().out)["models"]
    assert {name: len(said["windows"]) for name, said in found.items()} == {
        "tiny-1.0.0": 10,
        "tiny-2.0.0": 28,
        "other": 10,
    }
    assert classify_files([path], made, as_json=False) == 0
    assert "tiny 2.0.0" in capsys.readouterr().out


def test_where_no_file_can_be_read_there_is_no_table(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify_files([tmp_path / "gone.wav"], models, as_json=False) == 1
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(20_000, np.int16), "there is no sound, is the sensor on the skin?"),
        (np.full(20_000, 1234, np.int16), "there is no sound, is the sensor on the skin?"),
        (np.where(np.arange(20_000) // 9 % 2, 32767, -32768).astype(np.int16), "is clipped"),
        (np.arange(600, dtype=np.int16), "too short: 1.7 s more are needed to hear two beats"),
    ],
    ids=["silent", "constant", "clipped", "0.3 s"],
)
def test_a_recording_without_a_usable_window_is_shown_as_such_with_its_reason(
    sound: npt.NDArray[np.int16],
    reason: str,
    tmp_path: Path,
    models: Sequence[Predictor],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, sound, 2000)
    assert classify_files([path], models, as_json=False) == 0
    assert "poor signal" in capsys.readouterr().out
    assert classify_files([path], models, as_json=True) == 0
    answer = msgspec.json.decode(capsys.readouterr().out)
    assert answer["quality"]["verdict"] == "unusable"
    assert any(reason in each for each in answer["quality"]["reasons"])
    assert answer["models"]["screen"]["abstained"] is True
    assert all(window["abstained"] is True for window in answer["models"]["screen"]["windows"])
    assert sum(answer["models"]["screen"]["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_in_a_recording_that_is_good_in_part_only_the_other_windows_abstain(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path / "x.flac")
    heard, rate_hz = soundfile.read(path, dtype="int16")
    soundfile.write(path, np.concatenate([heard, np.zeros(10 * rate_hz, np.int16)]), rate_hz)
    assert classify_files([path], models, as_json=True) == 0
    answer = msgspec.json.decode(capsys.readouterr().out)
    windows = answer["models"]["screen"]["windows"]
    verdicts = [window["verdict"] for window in answer["quality"]["windows"]]
    assert [window.get("abstained", False) for window in windows] == [
        verdict == "unusable" for verdict in verdicts
    ]
    assert 0 < sum("abstained" in window for window in windows) < len(windows)


def test_pictures_without_matplotlib_are_refused_with_what_to_install(
    tmp_path: Path, models: Sequence[Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("dashboards.pictures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    with pytest.raises(UserError, match=r"--plot needs matplotlib.* pip install"):
        classify_files([put(tmp_path / "x.flac")], models, as_json=True, plot=tmp_path / "pictures")
