from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ConfigurationError
from training import splits
from training.datasets.catalogue import load
from training.datasets.recordings import Recording
from training.splits import LEAK, PROTOCOLS, Protocol, dealing, files, with_validation

RECORDINGS = [
    Recording(
        path=f"{database}/{person}-{take}.flac",
        labels=("abnormal" if person % 4 == 0 else "normal",),
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
    parts = splits.read_table("physionet2016")
    counts = Counter(part for (part,) in parts.values())
    assert sum(counts.values()) == 3153
    assert counts["test"] / 3153 == pytest.approx(0.15, abs=0.01)
    assert len(splits.sha256("physionet2016")) == 64


@st.composite
def people(draw: st.DrawFn) -> list[Recording]:
    """Recordings of few and of many, with labels that concur, in some order."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=25))
    label = st.sets(st.sampled_from(["AS", "MR", "N"]), min_size=1, max_size=2)
    recordings = [
        Recording(
            path=f"{person}-{take}",
            labels=tuple(sorted(draw(label))),
            subject=f"person {person}",
            database=draw(st.sampled_from(["one", "two"])),
        )
        for person, size in enumerate(sizes)
        for take in range(size)
    ]
    return draw(st.permutations(recordings))


@given(people(), st.integers(2, 6), st.integers(0, 3))
def test_whoever_is_dealt_nobody_is_in_two_folds(
    recordings: list[Recording], folds: int, seed: int
) -> None:
    shares = {str(fold): 1 / folds for fold in range(folds)}
    parts = dealing.by_subject(recordings, shares, seed=seed)
    assert parts.keys() == {recording.path for recording in recordings}
    of_subject = {(recording.subject, parts[recording.path]) for recording in recordings}
    assert len(of_subject) == len({subject for subject, _ in of_subject})
    assert parts == dealing.by_subject(sorted(recordings, key=repr), shares, seed=seed)


@given(people(), st.integers(0, 3))
def test_validation_is_taken_from_training_and_from_nobody_else(
    recordings: list[Recording], seed: int
) -> None:
    whole = Protocol(name="x", data_set="x", separates="subjects", after="3 folds", folds=3)
    for fold in whole.turns(whole.divide(recordings)):
        taken = with_validation(fold, recordings, share=0.3, seed=seed)
        assert sorted(taken.train + taken.validation) == sorted(fold.train)
        assert taken.test == fold.test
        subject = {recording.path: recording.subject for recording in recordings}
        of_train, of_validation, of_test = (
            {subject[path] for path in part} for part in (taken.train, taken.validation, taken.test)
        )
        assert of_train.isdisjoint(of_validation)
        assert of_test.isdisjoint(of_train | of_validation)


def test_folds_are_alike_in_size_and_labels() -> None:
    parts = dealing.by_subject(RECORDINGS, dict.fromkeys("01234", 0.2), seed=1)
    whole = Counter((record.database, record.label) for record in RECORDINGS)
    found = Counter((record.database, record.label, parts[record.path]) for record in RECORDINGS)
    for (database, label), total in whole.items():
        for fold in "01234":
            assert found[database, label, fold] / total == pytest.approx(0.2, abs=0.05)


def test_random_splits_keep_the_shares_of_labels_and_tear_people_apart() -> None:
    parts = dealing.by_recording(RECORDINGS, {"train": 0.75, "test": 0.25}, seed=1)
    abnormal = [parts[record.path] for record in RECORDINGS if record.label == "abnormal"]
    assert abnormal.count("test") / len(abnormal) == pytest.approx(0.25, abs=0.01)
    of_subject = {(record.subject, parts[record.path]) for record in RECORDINGS}
    assert len(of_subject) > 1.2 * len({subject for subject, _ in of_subject})


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
class TestEveryProtocol:
    def test_its_file_is_the_one_whose_hash_is_listed(self, protocol: Protocol) -> None:
        listed = {row.file: row for row in files.index()}[f"{protocol.name}.csv"]
        assert listed.sha256 == splits.sha256(protocol.name)
        assert (listed.leaks == "leaks") == protocol.leaks
        assert files.INDEX.read_bytes() == files.index_of_files()

    def test_its_file_is_written_again_byte_for_byte(
        self, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recordings = shipped(protocol.data_set, monkeypatch)
        made = files.written(protocol, protocol.divide(recordings))
        assert made == splits.path_of(protocol.name).read_bytes()

    def test_it_keeps_apart_what_it_says_or_says_that_it_leaks(
        self, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recordings = shipped(protocol.data_set, monkeypatch)
        subject = {recording.path: recording.subject for recording in recordings}
        for fold in splits.turns(protocol):
            assert set(fold.train).isdisjoint(fold.test)
            both = {subject[path] for path in fold.train} & {subject[path] for path in fold.test}
            assert bool(both) == protocol.leaks == fold.leaks == (LEAK in fold.title)
            assert not protocol.folds or f"tested on fold {fold.tested}" in fold.title

    def test_every_turn_uses_every_recording_and_folds_test_each_once(
        self, protocol: Protocol
    ) -> None:
        turns = splits.turns(protocol)
        every = {path for fold in turns for path in fold.test + fold.train + fold.validation}
        for fold in turns:
            assert len(fold.test + fold.train + fold.validation) == len(every)
            assert fold.test
        if not protocol.shares:
            assert sum(len(fold.test) for fold in turns) == len(every)


def shipped(data_set: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Recording, ...]:
    monkeypatch.delenv("HEARTWARD_DATA", raising=False)
    try:
        return load(data_set).recordings
    except ConfigurationError:
        pytest.skip("../shared/data is not here")
