"""BUET Multi-disease Heart Sound (BMD-HS): Bangladesh, valve lesions that may concur.

Ali S. N. et al., "BUET Multi-disease Heart Sound Dataset: A Comprehensive Auscultation Dataset for
Developing Computer-Aided Diagnostic Systems", arXiv:2409.00724, 2024. See the LICENSE file there.
https://github.com/mHealthBuet/BMD-HS-Dataset

``train.csv`` has a row per patient: patient_id, one column of 0 and 1 for each of AS, AR, MR, MS
and N, and recording_1 to recording_8, which name files of 20 s at 4 kHz in ``train/``, such as
``MD_001_sup_Mit.wav`` (supine or sitting; mitral, tricuspid, pulmonary or aortic area).
``additional_metadata.csv`` has Age (in decades) and Gender. Lesions are by echocardiogram. A
patient whose columns say N/A is left out. Checked against a public copy of both tables.
"""

from pathlib import Path

from models.errors import ConfigurationError
from training.datasets.recordings import DataSet, Recording, data_folder, header, rows, said

NAME = "bmdhs"
LABELS = ("AS", "AR", "MR", "MS", "N")

_SITES = {"Aor": "AV", "Pul": "PV", "Tri": "TV", "Mit": "MV"}
_SEXES = {"F": "female", "M": "male"}


def load() -> DataSet:
    folder = data_folder(NAME, holds=("train.csv",))
    has_people = (folder / "additional_metadata.csv").is_file()
    people = rows(folder, "additional_metadata.csv") if has_people else []
    person = {row["patient_id"]: row for row in people}
    recordings = tuple(
        _recording(folder, name, labels, row["patient_id"], person.get(row["patient_id"], {}))
        for row in rows(folder, "train.csv")
        if (labels := _labels(row))
        for name in _names(row)
    )
    return DataSet(name=NAME, folder=folder, recordings=recordings)


def _labels(row: dict[str, str]) -> tuple[str, ...]:
    labels = tuple(label for label in LABELS if row[label].strip() == "1")
    if "N" in labels and len(labels) > 1:
        raise ConfigurationError(
            f"train.csv of {NAME} calls {row['patient_id']} normal and {labels[0]} at once"
        )
    return labels


def _names(row: dict[str, str]) -> list[str]:
    names = (said(row.get(f"recording_{number}")) for number in range(1, 9))
    return [name.removesuffix(".wav") for name in names if name]


def _recording(
    folder: Path, name: str, labels: tuple[str, ...], patient: str, person: dict[str, str]
) -> Recording:
    path = f"train/{name}.wav"
    sample_rate_hz, duration_s = header(folder / path)
    return Recording(
        path=path,
        labels=labels,
        subject=patient,
        database=NAME,
        sample_rate_hz=sample_rate_hz,
        duration_s=duration_s,
        site=_SITES.get(name.rpartition("_")[2]),
        age_group=said(person.get("Age")),
        sex=_SEXES.get(person.get("Gender", "")),
    )
