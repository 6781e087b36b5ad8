"""A person's own recordings: a folder of WAV or FLAC files, of any classes.

Either each class is a subfolder, ``murmur/anything.wav``, or ``labels.csv`` names each file:

    path,label,subject
    monday/0001.wav,AS;MR,patient-7

`path` is relative to the folder, and several labels that concur are parted by semicolons. A
column `subject` says who was recorded; without it each recording counts as a person of its own,
and a split cannot keep people apart. Columns `database`, `site`, `age_group` and `sex` are read
too if they are there.

A recipe names the folder in `data.whole`, to learn from all of it, or in `data.protocols`: then it
is divided into five folds by subject, and `heartward ship` judges what was learnt by what its fold
held back:

    base = "ours.toml"
    name = "mine"

    [data]
    protocols = ["recordings/of-mine"]
    labels = ["calm", "harsh"]
"""

import os
from pathlib import Path

from models.errors import ConfigurationError
from training.datasets.recordings import DataSet, Recording, header, rows, said, sounds

TABLE = "labels.csv"


def load(folder: Path) -> DataSet:
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is not a folder of recordings")
    listed = (folder / TABLE).is_file()
    recordings = tuple(_listed(folder) if listed else _sorted_by_class(folder))
    if not recordings:
        raise ConfigurationError(f"{folder} has neither {TABLE} nor CLASS/NAME.wav or .flac files")
    return DataSet(name=folder.resolve().name, folder=folder, recordings=recordings)


def _sorted_by_class(folder: Path) -> list[Recording]:
    paths = (file.relative_to(folder) for file in sounds(folder))
    return [
        _recording(folder, _text(path), (path.parts[0],), {})
        for path in paths
        if len(path.parts) > 1
    ]


def _text(path: Path) -> str:
    """As splits and tables write it."""
    try:
        return path.as_posix().encode().decode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode(errors="replace")
        raise ConfigurationError(f"the name of {shown} is no UTF-8 text: rename it") from None


def _listed(folder: Path) -> list[Recording]:
    table = rows(folder, TABLE)
    missing = {"path", "label"} - set(table[0] if table else ("path", "label"))
    if missing:
        raise ConfigurationError(f"{folder / TABLE} lacks the column {min(missing)}")
    found = []
    seen: set[Path] = set()
    for line, row in enumerate(table, start=2):
        labels = tuple(text for part in (row["label"] or "").split(";") if (text := said(part)))
        path = Path(row["path"])
        if not labels:
            raise ConfigurationError(f"{folder / TABLE}, line {line}: {path} has no label")
        if path.is_absolute() or ".." in path.parts or not (folder / path).is_file():
            raise ConfigurationError(f"{folder / TABLE}, line {line}: no file {path} in {folder}")
        if path in seen:
            raise ConfigurationError(
                f"{folder / TABLE}, line {line}: {path} was listed before: leave one line, and "
                "part labels that concur by semicolons"
            )
        seen.add(path)
        found.append(_recording(folder, path.as_posix(), labels, row))
    return found


def _recording(folder: Path, path: str, labels: tuple[str, ...], row: dict[str, str]) -> Recording:
    sample_rate_hz, duration_s = header(folder / path)
    return Recording(
        path=path,
        labels=labels,
        subject=said(row.get("subject")) or path,
        database=said(row.get("database")) or folder.resolve().name,
        sample_rate_hz=sample_rate_hz,
        duration_s=duration_s,
        site=said(row.get("site")),
        age_group=said(row.get("age_group")),
        sex=said(row.get("sex")),
    )
