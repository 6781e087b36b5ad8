from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import soundfile

from deploy.classifying import classify_files
from ingest.sounds import PACKAGED
from models.errors import UserError
from models.predictor import Predictor
from models.registry import Registry

SOUND = (PACKAGED / "e00152.flac").read_bytes()


@pytest.fixture(scope="module")
def models() -> Sequence[Predictor]:
    return Registry().defaults()


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(SOUND)
    return path


def test_each_recording_has_a_picture_under_a_name_of_its_own(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [put(tmp_path / name) for name in ("a/x.flac", "b/x.flac", "b-x.flac", "y.flac")]
    (tmp_path / "bad.flac").write_bytes(b"no sound")
    album = tmp_path / "pictures"
    named = [*files, files[3], tmp_path / "bad.flac"]
    assert classify_files(named, models, as_json=True, plot=album) == 1
    assert sorted(path.name for path in album.iterdir()) == [
        "a-x.flac.png",
        "b-x.flac-2.png",
        "b-x.flac.png",
        "y.flac-2.png",
        "y.flac.png",
    ]
    for path in album.iterdir():
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    said = capsys.readouterr()
    assert said.err == f"5 pictures are in {album}\n"
    assert all(msgspec.json.decode(line) for line in said.out.splitlines())


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_heard(
    tmp_path: Path, models: Sequence[Predictor], capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(UserError, match=f"folder {taken} cannot be made"):
        classify_files([put(tmp_path / "x.flac")], models, as_json=True, plot=taken)
    assert not capsys.readouterr().out


def test_a_picture_that_cannot_be_written_is_told(
    tmp_path: Path, models: Sequence[Predictor]
) -> None:
    album = tmp_path / "pictures"
    (album / "x.wav.png").mkdir(parents=True)
    samples, rate_hz = soundfile.read(put(tmp_path / "x.flac"), dtype="int16")
    soundfile.write(tmp_path / "x.wav", samples, rate_hz)
    with pytest.raises(UserError, match=r"picture .*x\.wav\.png cannot be written"):
        classify_files([tmp_path / "x.wav"], models, as_json=True, plot=album)
