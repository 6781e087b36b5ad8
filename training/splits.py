"""Who is trained on and who is not: a committed file, made once, by subject.

    python -m training.splits

writes it again, byte for byte the same.
"""

import csv
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from training.datasets import physionet2016
from training.datasets.recordings import Recording

Part = Literal["train", "validation", "test"]

FOLDER = Path(__file__).parent / "split_files"
SHARES: dict[Part, float] = {"train": 0.7, "validation": 0.15, "test": 0.15}
SEED = 2016


def path_of(data_set: str) -> Path:
    return FOLDER / f"{data_set}.csv"


def split(recordings: Iterable[Recording], seed: int = SEED) -> dict[str, Part]:
    """Give each subject, with all of its recordings, to one part.

    Subjects are shuffled within each stratum (database and labels), and each goes to the part
    that lacks most of its share of the stratum's recordings.

    Returns
    -------
    The part by the recording's path.
    """
    subjects: dict[str, list[Recording]] = defaultdict(list)
    for recording in recordings:
        subjects[recording.subject].append(recording)
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for subject, own in sorted(subjects.items()):
        labels = sorted({recording.label for recording in own})
        strata[own[0].database, *labels].append(subject)
    parts: dict[str, Part] = {}
    draw = random.Random(seed)  # noqa: S311 (a split needs repetition, not secrecy)
    for _, members in sorted(strata.items()):
        draw.shuffle(members)
        for subject, part in _deal(members, {s: len(subjects[s]) for s in members}).items():
            parts.update({recording.path: part for recording in subjects[subject]})
    return parts


def _deal(members: list[str], recordings: dict[str, int]) -> dict[str, Part]:
    """The many-recorded first, so that what follows can still even out the shares."""
    total = sum(recordings.values())
    missing = {part: share * total for part, share in SHARES.items()}
    dealt: dict[str, Part] = {}
    for subject in sorted(members, key=lambda subject: -recordings[subject]):
        part = max(missing, key=lambda part: missing[part])
        missing[part] -= recordings[subject]
        dealt[subject] = part
    return dealt


def write(parts: dict[str, Part], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("path", "part"))
        table.writerows(sorted(parts.items()))


def read(data_set: str) -> dict[str, Part]:
    with path_of(data_set).open(newline="", encoding="utf-8") as file:
        return {row["path"]: _part(row["part"]) for row in csv.DictReader(file)}


def sha256(data_set: str) -> str:
    return hashlib.sha256(path_of(data_set).read_bytes()).hexdigest()


def _part(text: str) -> Part:
    for part in SHARES:
        if text == part:
            return part
    raise ValueError(f"{text!r} is not one of {tuple(SHARES)}")


if __name__ == "__main__":
    write(split(physionet2016.load().recordings), path_of(physionet2016.NAME))
