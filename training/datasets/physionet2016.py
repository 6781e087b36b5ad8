"""PhysioNet/CinC Challenge 2016: adults, normal or abnormal, six databases with their own sensors.

Liu C. et al., "An open access database for the evaluation of heart sound algorithms",
Physiol. Meas. 37(12), 2016. ODC-By 1.0. https://physionet.org/content/challenge-2016/1.0.0/

As published, ``training-a/a0001.wav`` with labels in ``training-a/REFERENCE.csv`` and the quality
in ``REFERENCE-SQI.csv``. Labels, subjects and diagnoses come from our own table of 3153 of the
3240 recordings: the organisers withdrew the other 87. Subjects are known for database b, derived
from case numbers for a, from diagnosis and raw record for e, and one per recording for c, d and f.
Abnormal means a diagnosis, which need not be audible.
"""

from training.datasets.recordings import DataSet, Recording, data_folder, rows

NAME = "physionet2016"
LABELS = ("normal", "abnormal")
DIAGNOSES = (
    *("AD", "AS", "Benign", "CAD", "Controls", "MPC", "MR", "MVP", "Normal", "Normal: MARS500"),
    *("Normal: NHC", "Pathologic"),
)


def load() -> DataSet:
    folder = data_folder(NAME, holds=("labels.csv", "training-a/*.wav"))
    recordings = tuple(
        Recording(
            path=row["path"],
            labels=(row["label"],),
            subject=row["subject"],
            database=row["database"],
            clear=row["signal_quality"] == "1",
            sample_rate_hz=int(row["sample_rate_hz"]),
            duration_s=float(row["duration_s"]),
            diagnosis=row["diagnosis"] or None,
        )
        for row in rows(folder)
    )
    return DataSet(name=NAME, folder=folder, recordings=recordings)
