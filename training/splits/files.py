"""The committed files: one per protocol, and a table of their hashes."""

import csv
import hashlib
import io
from pathlib import Path

import msgspec

from training.splits.protocols import PROTOCOLS, Fold, Protocol, Table

FOLDER = Path(__file__).parents[1] / "split_files"
INDEX = FOLDER / "index.csv"


class Listed(msgspec.Struct, frozen=True):
    """A row of the index."""

    file: str
    separates: str
    leaks: str
    sha256: str


def path_of(name: str) -> Path:
    """A protocol's file; a data set's held-out part bears the data set's own name."""
    return FOLDER / f"{name}.csv"


def read_table(name: str) -> Table:
    with path_of(name).open(newline="", encoding="utf-8") as file:
        _, *lines = csv.reader(file)
    return {path: tuple(parts) for path, *parts in lines}


def turns(protocol: Protocol) -> list[Fold]:
    """Every training and test of a protocol, from its committed file."""
    return list(protocol.turns(read_table(protocol.name)))


def sha256(name: str) -> str:
    return hashlib.sha256(path_of(name).read_bytes()).hexdigest()


def written(protocol: Protocol, table: Table) -> bytes:
    """What a protocol's file holds."""
    heads = ("part",) if len(protocol.seeds) == 1 else map("seed {}".format, protocol.seeds)
    return _csv([("path", *heads), *((path, *parts) for path, parts in table.items())])


def index() -> list[Listed]:
    """The committed table of what each file is."""
    with INDEX.open(newline="", encoding="utf-8") as file:
        return [msgspec.convert(row, Listed) for row in csv.DictReader(file)]


def index_of_files() -> bytes:
    """What the index should hold, by the files that are there."""
    found = [
        Listed(
            file=path_of(protocol.name).name,
            separates=protocol.separates,
            leaks="leaks" if protocol.leaks else "",
            sha256=sha256(protocol.name),
        )
        for protocol in PROTOCOLS
    ]
    return _csv([Listed.__struct_fields__, *map(msgspec.structs.astuple, found)])


def _csv(lines: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()
