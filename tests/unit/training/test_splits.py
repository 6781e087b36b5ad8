from collections import Counter, defaultdict

import pytest

from training import splits
from training.datasets.recordings import Recording

RECORDINGS = [
    Recording(
        path=f"{database}/{person}-{take}.flac",
        label="abnormal" if person % 4 == 0 else "normal",
        subject=f"{database}{person}",
        database=database,
    )
    for database in ("one", "two")
    for person in range(120)
    for take in range(1 + person % 3)
]


def test_nobody_is_in_two_parts() -> None:
    parts = splits.split(RECORDINGS)
    of_subject = defaultdict(set)
    for recording in RECORDINGS:
        of_subject[recording.subject].add(parts[recording.path])
    assert all(len(found) == 1 for found in of_subject.values())


def test_every_recording_has_a_part() -> None:
    assert splits.split(RECORDINGS).keys() == {recording.path for recording in RECORDINGS}


def test_each_part_has_its_share_of_every_database_and_label() -> None:
    parts = splits.split(RECORDINGS)
    strata = Counter((record.database, record.label) for record in RECORDINGS)
    found = Counter((record.database, record.label, parts[record.path]) for record in RECORDINGS)
    for (database, label), total in strata.items():
        for part, share in splits.SHARES.items():
            assert found[database, label, part] / total == pytest.approx(share, abs=0.05)


def test_the_same_seed_gives_the_same_split_whatever_the_order() -> None:
    assert splits.split(RECORDINGS) == splits.split(RECORDINGS[::-1])


def test_another_seed_gives_another_split() -> None:
    assert splits.split(RECORDINGS) != splits.split(RECORDINGS, seed=1)


def test_the_committed_split_keeps_people_apart() -> None:
    parts = splits.read("physionet2016")
    counts = Counter(parts.values())
    assert sum(counts.values()) == 3153
    assert counts["test"] / 3153 == pytest.approx(0.15, abs=0.01)
    assert len(splits.sha256("physionet2016")) == 64
