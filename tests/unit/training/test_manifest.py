"""Shipped artifacts train on the recordings that are listed, and these are the ones listed."""

import csv
import hashlib
import lzma
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import ConfigurationError
from models.registry import ARTIFACTS, Entry, read_manifest
from training import export, splits
from training.datasets import manifest, yaseen2018
from training.datasets.catalogue import CATALOGUE, load
from training.datasets.recordings import Recording, data_folder

NAMES = manifest.names()
SHIPPED = read_manifest(ARTIFACTS).models


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


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: f"{entry.name}-{entry.version}")
def test_a_shipped_artifact_names_the_committed_manifests_that_it_was_trained_on(
    entry: Entry,
) -> None:
    contract = export.contract_of((ARTIFACTS / entry.file).read_bytes())
    hashes = dict(
        zip(
            contract.training_data.split(", "),
            contract.training_data_sha256.split(", "),
            strict=True,
        )
    )
    assert hashes.keys() <= set(NAMES)
    for name, sha256 in hashes.items():
        # Of segment 0.2.0 it is the table of labels, which the manifest lists in turn.
        tables = {each.sha256 for each in manifest.read(name) if each.path == "labels.csv"}
        older = tables if (entry.name, entry.version) == ("segment", "0.2.0") else set()
        assert sha256 in {manifest.sha256(name), *older}


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: f"{entry.name}-{entry.version}")
def test_a_shipped_artifact_says_by_its_split_that_it_learnt_from_listed_recordings_alone(
    entry: Entry,
) -> None:
    contract = export.contract_of((ARTIFACTS / entry.file).read_bytes())
    files = {name: _split(name) for name in contract.split.split(", ")}
    hashes = [hashlib.sha256(text).hexdigest() for text in files.values()]
    assert ", ".join(hashes) == contract.split_sha256
    learnt = {each for name, text in files.items() for each in _learnt(name, text)}
    listed = {(name, each.path) for name in NAMES for each in manifest.read(name)}
    assert learnt
    assert learnt <= listed


def _split(file: str) -> bytes:
    """The artifact's own, or a committed one."""
    own = ARTIFACTS / f"{file}.xz"
    return (
        lzma.decompress(own.read_bytes()) if own.exists() else (splits.FOLDER / file).read_bytes()
    )


def _learnt(file: str, text: bytes) -> Iterator[tuple[str, str]]:
    for row in csv.DictReader(text.decode().splitlines()):
        if row["part"] != "test":
            yield (
                row.get("data_set") or splits.protocol_named(Path(file).stem).data_set,
                row["path"],
            )


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


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: f"{entry.name}-{entry.version}")
def test_a_card_says_how_large_the_files_are_that_lie_beside_it(entry: Entry) -> None:
    card = (ARTIFACTS / entry.card).read_text()
    for name in filter(None, (entry.file, entry.mobile)):
        size_kb = f"{(ARTIFACTS / name).stat().st_size / 1e3:.0f}"
        assert re.findall(rf"`{re.escape(name)}`[^;|]*?, (\d+) kB", card) == [size_kb]
    aimed = re.findall(r"^- (\d+) kB, aimed for", card, re.MULTILINE)
    assert aimed in ([], [f"{(ARTIFACTS / entry.file).stat().st_size / 1e3:.0f}"])
