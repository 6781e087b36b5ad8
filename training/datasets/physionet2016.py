"""PhysioNet/CinC Challenge 2016: adults, normal or abnormal, six databases with their own sensors.

Liu C. et al., "An open access database for the evaluation of heart sound algorithms",
Physiol. Meas. 37(12), 2016. ODC-By 1.0.
"""

from training.datasets.recordings import DataSet, Recording, data_folder, rows

NAME = "physionet2016"


def load() -> DataSet:
    folder = data_folder(NAME)
    recordings = tuple(
        Recording(
            path=row["path"],
            label=row["label"],
            subject=row["subject"],
            database=row["database"],
            clear=row["signal_quality"] == "1",
        )
        for row in rows(folder)
    )
    return DataSet(name=NAME, folder=folder, recordings=recordings)
