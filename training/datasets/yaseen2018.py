"""Yaseen 2018: short clips of four valve lesions and of normal hearts.

Yaseen, Son G.-Y., Kwon S., "Classification of Heart Sound Signal Using Multiple Features",
Applied Sciences 8(12):2344, 2018. No licence is stated: research use, not to be redistributed.
https://github.com/yaseen21khan/Classification-of-Heart-Sound-Signal-Using-Multiple-Features-

As published, five RAR archives, one a class, of ``New_AS_001.wav`` and its like at 8 kHz.

Most clips are near-duplicates or consecutive cuts of few sources: normal ones come from five. Our
own table gives each clip's source group, which stands here for the subject. 23 clips that sound
alike bear three labels; they are left out, which leaves 977.
"""

from training.datasets.recordings import DataSet, Recording, data_folder, rows

NAME = "yaseen2018"
LABELS = ("AS", "MR", "MS", "MVP", "N")

DOUBTFUL = {
    "MR": (*range(38, 40), *range(46, 52)),
    "MS": tuple(range(172, 180)),
    "N": tuple(range(194, 201)),
}
_DOUBTFUL_PATHS = frozenset(
    f"{label}/New_{label}_{number:03}.flac"
    for label, numbers in DOUBTFUL.items()
    for number in numbers
)


def load() -> DataSet:
    folder = data_folder(NAME, holds=("labels.csv", "**/New_AS_*.wav"))
    recordings = tuple(
        Recording(
            path=row["path"],
            labels=(row["label"],),
            subject=row["source_group"],
            database=NAME,
            sample_rate_hz=int(row["sample_rate_hz"]),
            duration_s=float(row["duration_s"]),
        )
        for row in rows(folder)
        if row["path"] not in _DOUBTFUL_PATHS
    )
    return DataSet(name=NAME, folder=folder, recordings=recordings)
