"""A table of recordings that an 80-column terminal can show, and a line for each bad file."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from deploy.classifying import classify_files, short_names
from ingest.sounds import PACKAGED
from models.predictor import Predictor
from models.registry import Registry

SOUND = (PACKAGED / "e00015.flac").read_bytes()
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


def test_json_has_every_path_as_it_was_given(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [put(tmp_path / bed / LONG) for bed in ("bed-3", "bed-4")]
    assert classify_files(files, models, as_json=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [msgspec.json.decode(line)["path"] for line in lines] == list(map(str, files))


@pytest.mark.parametrize("as_json", [True, False])
def test_a_bad_file_costs_one_line_and_the_good_ones_are_still_classified(
    as_json: bool,
    tmp_path: Path,
    models: Sequence[Predictor],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "folder.wav").mkdir()
    files = [
        tmp_path / "folder.wav",
        put(tmp_path / "empty.wav", b""),
        put(tmp_path / "good.flac"),
        put(tmp_path / "text.wav", b"hello\n"),
        tmp_path / "gone.wav",
        put(tmp_path / "better.flac"),
    ]
    assert classify_files(files, models, as_json=as_json) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"{tmp_path}/folder.wav is a folder: name the recordings in it",
        f"{tmp_path}/empty.wav is empty",
        f"{tmp_path}/text.wav cannot be read as WAV, FLAC or OGG: Format not recognised.",
        f"{tmp_path}/gone.wav cannot be read: No such file or directory",
    ]
    assert said.out.count("good.flac") == said.out.count("better.flac") == 1


def test_where_no_file_can_be_read_there_is_no_table(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify_files([tmp_path / "gone.wav"], models, as_json=False) == 1
    assert not capsys.readouterr().out


def test_a_recording_without_a_usable_window_is_shown_as_such(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    silence = b"RIFF$N\0\0WAVEfmt \x10\0\0\0\1\0\1\0\xd0\7\0\0\xa0\x0f\0\0\2\0\x10\0data\0N\0\0"
    path = put(tmp_path / "silence.wav", silence + bytes(19_968))
    assert classify_files([path], models, as_json=False) == 0
    assert "poor signal" in capsys.readouterr().out
