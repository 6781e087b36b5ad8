"""Shipped artifacts train on the recordings that are listed, and these are the ones listed."""

from pathlib import Path

import pytest

from models.errors import ConfigurationError
from training.datasets import manifest, yaseen2018
from training.datasets.catalogue import CATALOGUE, load
from training.datasets.recordings import Recording, data_folder

NAMES = manifest.names()


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_hash_is_that_of_the_committed_manifest(name: str) -> None:
    assert manifest.index()[name] == manifest.sha256(name)


@pytest.mark.parametrize(
    ("name", "recordings"),
    [("physionet2016", 3153), ("circor2022", 874), ("yaseen2018", 977), ("noise", 12)],
)
def test_every_recording_is_listed_once_with_its_labels(name: str, recordings: int) -> None:
    paths = [entry.path for entry in manifest.read(name)]
    assert len(set(paths)) == len(paths)
    assert "labels.csv" in paths
    assert sum(path.endswith(".flac") for path in paths) == recordings


@pytest.mark.parametrize("name", NAMES)
def test_the_data_is_as_the_manifest_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTWARD_DATA", raising=False)
    try:
        folder = data_folder(name)
    except ConfigurationError:
        pytest.skip("../shared/data is not here")
    assert list(manifest.differences(name, folder)) == []
    if name in CATALOGUE:
        assert manifest.not_permitted(name, load(name).recordings) == []


def test_an_altered_and_a_missing_file_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.flac").write_bytes(b"one")
    (tmp_path / "two.flac").write_bytes(b"two")
    text = manifest.made(tmp_path, ["two.flac", "one.flac"])
    monkeypatch.setattr(manifest, "_text", lambda _: text)
    assert list(manifest.differences("any", tmp_path)) == []
    (tmp_path / "one.flac").write_bytes(b"One")
    (tmp_path / "two.flac").unlink()
    assert [tuple(found) for found in manifest.differences("any", tmp_path)] == [
        ("one.flac", "is not the file that was permitted"),
        ("two.flac", "is missing"),
    ]


def test_what_is_not_listed_is_not_permitted() -> None:
    def recording(path: str) -> Recording:
        return Recording(path=path, labels=("AS",), subject="one", database="one")

    listed, doubtful = recording("AS/New_AS_001.flac"), recording("MR/New_MR_038.flac")
    assert manifest.not_permitted(yaseen2018.NAME, [listed, doubtful]) == [doubtful.path]
    assert manifest.not_permitted("bmdhs", [listed]) == [listed.path]
