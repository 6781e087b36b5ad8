"""CirCor DigiScope (PhysioNet/CinC Challenge 2022): Brazilian children, murmur audible or not.

Oliveira J. et al., "The CirCor DigiScope Dataset: From Murmur Detection to Murmur Classification",
IEEE JBHI 26(6), 2022. ODC-By 1.0. The label is the murmur at this site, not the clinical outcome.

This is the part in ``../shared/data``: 2 kHz, normal recordings cut to their middle 10 s, one per
patient. All of it, as published, is `training.datasets.circor2022_full`.
"""

from training.datasets.recordings import DataSet, Recording, data_folder, rows, said

NAME = "circor2022"
LABELS = ("normal", "abnormal")


def load() -> DataSet:
    folder = data_folder(NAME)
    recordings = tuple(_recording(row) for row in rows(folder))
    return DataSet(name=NAME, folder=folder, recordings=recordings)


def _recording(row: dict[str, str]) -> Recording:
    age_group = said(row["age_group"])
    return Recording(
        path=row["path"],
        labels=(row["label"],),
        subject=row["subject"],
        database=row["campaign"],
        sample_rate_hz=int(row["sample_rate_hz"]),
        duration_s=float(row["duration_s"]),
        site=row["site"],
        age_group=age_group and age_group.lower(),
        murmur_grade=said(row["murmur_grade"]),
        timings=timings(row["systolic_timing"], row["diastolic_timing"]),
        outcome=row["outcome"].lower(),
    )


def timings(*cells: str) -> tuple[str, ...]:
    """``Holosystolic`` and its like, in lower case, without those not said."""
    return tuple(text.lower() for cell in cells if (text := said(cell)))
