"""How often each label, database, person and recording is drawn."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from training.datasets.recordings import Recording
from training.engine import samplers
from training.engine.clips import Clips
from training.engine.recipe import Sampling

# Database, subject, label, windows.
_WHO = (
    ("a", "p1", 0, 4),
    ("a", "p1", 0, 2),
    ("a", "p2", 0, 2),
    ("a", "p3", 1, 1),
    ("b", "p4", 1, 6),
    ("b", "p5", 0, 1),
)


def clips(who: Sequence[tuple[str, str, int, int]] = _WHO) -> Clips:
    owner = np.repeat(np.arange(len(who)), [windows for *_, windows in who])
    return Clips(
        recordings=tuple(
            Recording(path=str(k), labels=(str(label),), subject=subject, database=database)
            for k, (database, subject, label, _) in enumerate(who)
        ),
        sets=tuple(f"set of {database}" for database, *_ in who),
        targets=torch.eye(2)[[label for _, _, label, _ in who]],
        sound=torch.zeros(10),
        begin=torch.zeros(len(who), dtype=torch.int64),
        room=torch.zeros(len(who), dtype=torch.int64),
        length=torch.ones(len(who), dtype=torch.int64),
        start=torch.zeros(len(owner), dtype=torch.int64),
        owner=torch.from_numpy(owner),
        usable=torch.ones(len(owner), dtype=torch.bool),
        window=1,
    )


def shares(kind: str, key: Callable[[int], object]) -> dict[object, float]:
    """The chance of each group that `key` makes of the recordings' numbers."""
    found = clips()
    chances = samplers.chances(found, Sampling(kind=kind))  # type: ignore[arg-type]
    assert chances is not None
    assert chances.sum() == pytest.approx(1)
    totals: Counter[object] = Counter()
    for owner, chance in zip(found.owner.tolist(), chances, strict=True):
        totals[key(owner)] += chance
    return dict(totals)


def test_naturally_every_window_is_heard_once() -> None:
    found = clips()
    rng = np.random.default_rng(1)
    assert samplers.chances(found, Sampling()) is None
    assert sorted(samplers.epoch(found, Sampling(), None, rng)) == list(range(16))
    twice = samplers.epoch(found, Sampling(windows_per_epoch=36), None, rng)
    assert set(Counter(twice.tolist()).values()) == {2, 3}


def test_labels_weigh_the_same_and_recordings_of_one_label_too() -> None:
    assert shares("classes", lambda k: _WHO[k][2]) == pytest.approx({0: 0.5, 1: 0.5})
    each = shares("classes", lambda k: k)
    assert each[0] == pytest.approx(each[5]) == pytest.approx(0.5 / 4)


def test_labels_weigh_the_same_within_databases_and_those_by_the_root_of_their_windows() -> None:
    found = shares("databases", lambda k: (_WHO[k][0], _WHO[k][2]))
    assert found["a", 0] == pytest.approx(found["a", 1])
    assert found["b", 0] == pytest.approx(found["b", 1])
    assert found["a", 0] / found["b", 0] == pytest.approx((9 / 7) ** 0.5)


def test_people_weigh_the_same_within_a_label_however_often_recorded() -> None:
    found = shares("groups", lambda k: _WHO[k][1])
    assert found["p1"] == pytest.approx(found["p2"]) == pytest.approx(0.5 / 3)
    assert found["p3"] == pytest.approx(found["p4"]) == pytest.approx(0.5 / 2)


def test_data_sets_weigh_the_same_and_within_each_labels_and_people() -> None:
    found = shares("sets", lambda k: (_WHO[k][0], _WHO[k][2]))
    assert found == pytest.approx(dict.fromkeys([("a", 0), ("a", 1), ("b", 0), ("b", 1)], 0.25))
    people = shares("sets", lambda k: _WHO[k][1])
    assert people["p1"] == pytest.approx(people["p2"]) == pytest.approx(0.125)


def test_what_is_drawn_follows_the_chances_and_the_seed() -> None:
    found, told = clips(), Sampling(kind="classes", windows_per_epoch=20_000)
    chances = samplers.chances(found, told)
    drawn = samplers.epoch(found, told, chances, np.random.default_rng(5))
    labels = found.targets.argmax(1)[found.owner[drawn]].double()
    assert labels.mean().item() == pytest.approx(0.5, abs=0.015)
    again = samplers.epoch(found, told, chances, np.random.default_rng(5))
    other = samplers.epoch(found, told, chances, np.random.default_rng(6))
    assert np.array_equal(drawn, again)
    assert not np.array_equal(drawn, other)
