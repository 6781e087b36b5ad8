"""Which files shipped artifacts may train on: those of ``../shared/data``, and no other.

A manifest per data set is committed, ``training/manifests/NAME.csv.xz``: the path, SHA-256 and
size of every recording, table of labels and table of heart states. Its own hash, of the text that
is compressed, is in ``index.csv`` beside it and in every artifact that was trained on it.

    python -m training.datasets.manifest

writes them again from the data.
"""

import csv
import hashlib
import io
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from training.datasets import circor2022, physionet2016, yaseen2018
from training.datasets.recordings import DataSet, Recording, data_folder

FOLDER = Path(__file__).parents[1] / "manifests"
INDEX = FOLDER / "index.csv"
NOISE = "noise"


class Permitted(msgspec.Struct, frozen=True):
    """One file, relative to its data set's folder."""

    path: str
    sha256: str
    size_bytes: int


class Difference(NamedTuple):
    """What is not as the manifest says."""

    path: str
    what: str


def names() -> tuple[str, ...]:
    return (physionet2016.NAME, circor2022.NAME, yaseen2018.NAME, NOISE)


def read(name: str) -> list[Permitted]:
    lines = csv.DictReader(io.StringIO(_text(name).decode(), newline=""))
    return [msgspec.convert(line, Permitted, strict=False) for line in lines]


def sha256(name: str) -> str:
    """The hash that an artifact carries for a data set that it was trained on."""
    return hashlib.sha256(_text(name)).hexdigest()


def index() -> dict[str, str]:
    """The committed hashes, by data set."""
    with INDEX.open(newline="", encoding="utf-8") as file:
        return {line["data_set"]: line["sha256"] for line in csv.DictReader(file)}


def not_permitted(name: str, recordings: Iterable[Recording]) -> list[str]:
    """Paths of recordings that no shipped artifact may learn from."""
    permitted = {entry.path for entry in read(name)} if name in names() else set()
    return [record.path for record in recordings if record.path not in permitted]


def differences(name: str, folder: Path) -> Iterator[Difference]:
    """Every file of the manifest that is missing or altered in `folder`."""
    for entry in read(name):
        file = folder / entry.path
        if not file.is_file():
            yield Difference(entry.path, "is missing")
        elif _sha256(file) != entry.sha256:
            yield Difference(entry.path, "is not the file that was permitted")


def made(folder: Path, paths: Iterable[str]) -> bytes:
    """A manifest's text."""
    entries = [
        Permitted(path, _sha256(folder / path), (folder / path).stat().st_size)
        for path in sorted(paths)
    ]
    return _csv([Permitted.__struct_fields__, *map(msgspec.structs.astuple, entries)])


def files_of(data: DataSet) -> Iterator[str]:
    """Recordings, the states marked beside them, and the set's own tables."""
    for recording in data.recordings:
        states = Path(recording.path).with_suffix(".tsv")
        yield recording.path
        if (data.folder / states).is_file():
            yield states.as_posix()
    yield from (file.name for file in data.folder.iterdir() if ".csv" in file.suffixes)


def _text(name: str) -> bytes:
    return lzma.decompress((FOLDER / f"{name}.csv.xz").read_bytes())


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _csv(lines: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for data in (physionet2016.load(), circor2022.load(), yaseen2018.load()):
        _write(data.name, made(data.folder, files_of(data)))
    noise = data_folder(NOISE)
    sounds = [file.relative_to(noise).as_posix() for file in noise.rglob("*.flac")]
    _write(NOISE, made(noise, ["labels.csv", *sounds]))
    INDEX.write_bytes(_csv([("data_set", "sha256"), *((name, sha256(name)) for name in names())]))


def _write(name: str, text: bytes) -> None:
    (FOLDER / f"{name}.csv.xz").write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
