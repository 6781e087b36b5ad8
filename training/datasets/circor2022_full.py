"""All public recordings of CirCor DigiScope, as PhysioNet publishes them.

Oliveira J. et al., "The CirCor DigiScope Dataset: From Murmur Detection to Murmur Classification",
IEEE JBHI 26(6), 2022. ODC-By 1.0. https://physionet.org/content/circor-heart-sound/1.0.3/

``training_data.csv`` has a row per patient; ``training_data/`` has ``14998_AV.wav`` (4 kHz), or
``49748_AV_1.wav`` where a site was recorded twice, with a header in .hea, states in .tsv, and the
patient's row again as ``#Murmur: Absent`` lines in ``14998.txt``, which alone the Challenge's own
release has. ``Additional ID`` is the same person in the other campaign; the higher of the two
numbers names both, as in ``../shared/data``.

Left out, because nobody says what is audible there: patients whose murmur is unknown, and the
other sites of those with one. Checked against public code and excerpts, not against a download.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from models.errors import ConfigurationError
from training.datasets.circor2022 import timings
from training.datasets.recordings import DataSet, Recording, data_folder, header, rows, said

NAME = "circor2022-full"
_FOLDER = "training_data"
_FILE = re.compile(r"(?P<patient>\d+)_(?P<site>AV|PV|TV|MV|Phc)(_\d+)?")
_COMMENT = re.compile(r"#(?P<key>[^:]+):(?P<value>.*)")


def load() -> DataSet:
    folder = data_folder(NAME, holds=("training_data.csv", f"{_FOLDER}/*.txt"))
    patients = _patients(folder)
    found = (_recording(file, patients) for file in sorted((folder / _FOLDER).glob("*.wav")))
    recordings = tuple(recording for recording in found if recording is not None)
    return DataSet(name=NAME, folder=folder, recordings=recordings)


def _patients(folder: Path) -> dict[str, dict[str, str]]:
    if (folder / "training_data.csv").is_file():
        return {row["Patient ID"]: row for row in rows(folder, "training_data.csv")}
    return {file.stem: dict(_comments(file)) for file in sorted((folder / _FOLDER).glob("*.txt"))}


def _comments(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text(encoding="utf-8").splitlines():
        if found := _COMMENT.fullmatch(line):
            yield found["key"].strip(), found["value"].strip()


def _recording(file: Path, patients: dict[str, dict[str, str]]) -> Recording | None:
    named = _FILE.fullmatch(file.stem)
    if named is None or named["patient"] not in patients:
        raise ConfigurationError(f"{file} belongs to no patient of {NAME}")
    row = patients[named["patient"]]
    label = _label(row, named["site"])
    if label is None:
        return None
    sample_rate_hz, duration_s = header(file)
    murmur = label == "abnormal"
    return Recording(
        path=f"{_FOLDER}/{file.name}",
        labels=(label,),
        subject=f"circor_P{_person(row, named['patient'])}",
        database=row.get("Campaign", "CirCor"),
        sample_rate_hz=sample_rate_hz,
        duration_s=duration_s,
        site=named["site"],
        age_group=_lower(row.get("Age")),
        sex=_lower(row.get("Sex")),
        murmur_grade=said(row.get("Systolic murmur grading")) if murmur else None,
        timings=_timings(row) if murmur else (),
        outcome=_lower(row.get("Outcome")),
    )


def _label(row: dict[str, str], site: str) -> str | None:
    heard_at = (said(row.get("Murmur locations")) or "").split("+")
    match row["Murmur"]:
        case "Absent":
            return "normal"
        case "Present" if site in heard_at:
            return "abnormal"
    return None


def _person(row: dict[str, str], patient: str) -> int:
    other = said(row.get("Additional ID"))
    return max(int(patient), int(float(other)) if other else 0)


def _timings(row: dict[str, str]) -> tuple[str, ...]:
    return timings(row.get("Systolic murmur timing", ""), row.get("Diastolic murmur timing", ""))


def _lower(cell: str | None) -> str | None:
    text = said(cell)
    return text and text.lower()
