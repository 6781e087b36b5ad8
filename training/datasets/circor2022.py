"""CirCor DigiScope (PhysioNet/CinC Challenge 2022): Brazilian children, murmur audible or not.

Oliveira J. et al., "The CirCor DigiScope Dataset: From Murmur Detection to Murmur Classification",
IEEE JBHI 26(6), 2022. ODC-By 1.0. The label is the murmur at this site, not the clinical outcome.
"""

from training.datasets.recordings import DataSet, Recording, data_folder, rows

NAME = "circor2022"


def load() -> DataSet:
    folder = data_folder(NAME)
    recordings = tuple(
        Recording(
            path=row["path"], label=row["label"], subject=row["subject"], database=row["campaign"]
        )
        for row in rows(folder)
    )
    return DataSet(name=NAME, folder=folder, recordings=recordings)
