"""PASCAL Classifying Heart Sounds Challenge 2011: from telephones (A) and from a hospital (B).

Bentley P., Nordehn G., Coimbra M., Mannor S., "The PASCAL Classifying Heart Sounds Challenge 2011
(CHSC2011)". No licence is stated there: research use.
http://www.peterjbentley.com/heartchallenge/index.html

One recording has many names. The organisers' archives hold ``Atraining_normal/201101070538.wav``
and ``Training B Normal/Btraining_noisynormal/125_1306332456645_C.wav``; the copy that most people
have holds ``set_a/normal__201101070538.wav`` and ``set_b/normal_noisynormal_125_...wav``, with
``set_a.csv`` and ``set_b.csv`` (dataset, fname, label, sublabel), whose fname for set B is
``set_b/Btraining_normal_Btraining_noisynormal_125_...wav``. All are understood: a row of the
tables counts before the file's name, and its name before its folders'. Test files without a label
are left out. Checked against public code that loads them, not against a download.

In set B the first number of a name is the patient, and the letter at its end the place on the
chest; set A says nothing of persons, so each of its recordings is a subject of its own.
"""

import re
from pathlib import Path

from training.datasets.recordings import (
    DataSet,
    Recording,
    data_folder,
    header,
    rows,
    said,
    sounds,
)

NAME = "pascal2011"
LABELS = ("normal", "murmur", "extrahls", "artifact", "extrastole")

_MEANS = (  # in this order: a folder called unlabelled holds no normal hearts
    (re.compile(r"unlabell?ed"), None),
    (re.compile(r"artifact"), "artifact"),
    (re.compile(r"extrahl?s"), "extrahls"),
    (re.compile(r"extras(ys)?tole"), "extrastole"),
    (re.compile(r"murmur"), "murmur"),
    (re.compile(r"normal"), "normal"),
)
_OF_SET_B = re.compile(r"(?P<patient>\d+)_\d{13}_(?P<site>[A-Za-z])[_\d]*$")
_CLASS_WORDS = re.compile(r"^[A-Za-z_]+")

Name = tuple[str | None, str]


def load() -> DataSet:
    folder = data_folder(NAME, holds=("set_[ab].csv", "[AB]training_*", "set_[ab]", "Training B*"))
    listed = _listed(folder)
    recordings: dict[Name, Recording] = {}
    for file in sounds(folder):
        name = _name(file.relative_to(folder))
        label = listed.get(name, name[0])
        if label is not None and name not in recordings:  # some copies have each file twice
            recordings[name] = _recording(file, folder, label)
    return DataSet(name=NAME, folder=folder, recordings=tuple(recordings.values()))


def _listed(folder: Path) -> dict[Name, str | None]:
    tables = [table for table in ("set_a.csv", "set_b.csv") if (folder / table).is_file()]
    return {
        _name(Path(row["fname"])): said(row["label"])
        for table in tables
        for row in rows(folder, table)
    }


def _name(path: Path) -> Name:
    """What all names of one recording share: its class in our word, and what follows that."""
    return _label(path), _number(path)


def _number(path: Path) -> str:
    return _CLASS_WORDS.sub("", path.stem)


def _label(path: Path) -> str | None:
    for part in (path.stem, *reversed(path.parent.parts)):
        for pattern, label in _MEANS:
            if pattern.search(part.lower()):
                return label
    return None


def _recording(file: Path, folder: Path, label: str) -> Recording:
    sample_rate_hz, duration_s = header(file)
    path = file.relative_to(folder).as_posix()
    number = _number(file)
    of_set_b = _OF_SET_B.search(number)
    return Recording(
        path=path,
        labels=(label,),
        subject=f"b_{of_set_b['patient']}" if of_set_b else f"a_{number}",
        database="set_b" if of_set_b else "set_a",
        clear="noisy" not in path,
        sample_rate_hz=sample_rate_hz,
        duration_s=duration_s,
        site=of_set_b["site"].upper() if of_set_b else None,
    )
