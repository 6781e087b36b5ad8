"""What is listed anew keeps its place: the order of the manifest is that of answers."""

from pathlib import Path

import msgspec

from models.registry import Entry, read_manifest
from tests.unit.models import tiny
from training.shipping.listing import put


def _put(folder: Path, name: str, version: str = "1.0.0", *, default: bool = True) -> Entry:
    contract = msgspec.structs.replace(tiny.CONTRACT, name=name, task=name, version=version)
    artifact, mobile, card = (f"{name}-{version}.{ending}" for ending in ("onnx", "ort", "md"))
    files = {artifact: tiny.artifact(contract), mobile: b"mobile", card: b"card"}
    names = {"artifact": artifact, "mobile": mobile, "card": card}
    return put(folder, contract, files, **names, default=default)


def _listed(folder: Path) -> list[str]:
    return [f"{entry.name} {entry.version}" for entry in read_manifest(folder).models]


def test_a_model_that_is_shipped_again_keeps_its_place(tmp_path: Path) -> None:
    for name in ("screen", "valve", "rhythm"):
        _put(tmp_path, name)
    _put(tmp_path, "screen")
    assert _listed(tmp_path) == ["screen 1.0.0", "valve 1.0.0", "rhythm 1.0.0"]


def test_a_new_version_stands_behind_the_older_ones_and_takes_their_default(tmp_path: Path) -> None:
    for name in ("screen", "valve"):
        _put(tmp_path, name)
    _put(tmp_path, "screen", "1.1.0")
    _put(tmp_path, "screen", "1.2.0", default=False)
    assert _listed(tmp_path) == ["screen 1.0.0", "screen 1.1.0", "screen 1.2.0", "valve 1.0.0"]
    defaults = [entry.default for entry in read_manifest(tmp_path).models]
    assert defaults == [False, True, False, True]
