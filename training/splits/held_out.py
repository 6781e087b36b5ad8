"""One split into training, validation and test, by subject: what the shipped models are fit on."""

import random
from collections import defaultdict
from collections.abc import Iterable

from training.datasets.recordings import Recording
from training.splits.parts import Part

SHARES: dict[Part, float] = {"train": 0.7, "validation": 0.15, "test": 0.15}
SEED = 2016


def split(recordings: Iterable[Recording], seed: int = SEED) -> dict[str, Part]:
    """Give each subject, with all of its recordings, to one part.

    Subjects are shuffled within each stratum (databases and labels), and each goes to the part
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
        strata[stratum(own)].append(subject)
    parts: dict[str, Part] = {}
    draw = random.Random(seed)  # noqa: S311 (a split needs repetition, not secrecy)
    for _, members in sorted(strata.items()):
        draw.shuffle(members)
        for subject, part in _deal(members, {s: len(subjects[s]) for s in members}).items():
            parts.update({recording.path: part for recording in subjects[subject]})
    return parts


def stratum(recordings: Iterable[Recording]) -> tuple[str, ...]:
    """The databases, then the labels, that a subject's recordings have."""
    own = list(recordings)
    databases = {recording.database for recording in own}
    return (*sorted(databases), *sorted({label for record in own for label in record.labels}))


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
