"""The next version of this tree, whose records say more, some of them by another version."""

import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stream_processors.records import Record
from tests.servers import ROOT

NEXT = 2
_PACKAGES = ("ingest", "models", "stream_processors", "dashboards")
_READS = "_READABLE_VERSIONS = (RECORD_VERSION,)"
_MORE = "    told_by: str = 'next'\n"

AnyRecord = TypeVar("AnyRecord", bound=Record)


def next_version(
    folder: Path, *, higher: Collection[type[Record]], wider: Collection[type[Record]] = ()
) -> Path:
    """A copy of this tree that reads both versions and writes its own.

    Parameters
    ----------
    higher
        Records that gain a field and whose version is one more.
    wider
        Records that only gain a field.
    """
    for name in _PACKAGES:
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "screenshots")
        )
    file = folder / "stream_processors" / "records.py"
    text = file.read_text()
    assert text.count(_READS) == 1
    text = text.replace(_READS, f"_READABLE_VERSIONS = (RECORD_VERSION, {NEXT})")
    for kind in wider:
        text = _with(text, kind, _MORE)
    for kind in higher:
        text = _with(text, kind, f"{_MORE}    v: int = {NEXT}\n")
    file.write_text(text)
    return folder


def out_of(tree: Path) -> dict[str, str]:
    """The environment in which ``python -m`` takes its modules from there."""
    return {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}


def as_next(record: AnyRecord, *, version: int) -> AnyRecord:
    """What the next version would write in its place."""
    kind = type(record)
    fields = [("told_by", str, "next")]
    wider: Any = msgspec.defstruct(kind.__name__, fields, bases=(kind,), frozen=True, kw_only=True)
    made: AnyRecord = wider(**msgspec.structs.asdict(record) | {"v": version})
    return made


def _with(text: str, kind: type[Record], fields: str) -> str:
    head = rf'(class {kind.__name__}\(Record, [^\n]*\n    """.*?"""\n)'
    changed, times = re.subn(head, rf"\1\n{fields}", text, flags=re.DOTALL)
    assert times == 1, kind
    return changed
