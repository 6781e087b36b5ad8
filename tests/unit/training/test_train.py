from pathlib import Path

import numpy as np
import pytest
import torch

from models.quality import Assessment
from training.datasets.recordings import Recording
from training.train import LABELS, TrainConfig, balanced, load, save, train
from training.windows import WindowSet

QUICK = TrainConfig(epochs=2, windows_per_epoch=128, batch=16)


def recording(number: int, label: str, database: str) -> Recording:
    name = f"{database}{number}"
    return Recording(path=name, labels=(label,), subject=name, database=database)


def windows(*, per_recording: int = 3) -> WindowSet:
    """Database one is mostly normal, two mostly abnormal; abnormal ones beat twice as fast."""
    records = (
        *(recording(number, "normal" if number else "abnormal", "one") for number in range(8)),
        *(recording(number, "abnormal" if number else "normal", "two") for number in range(4)),
    )
    rng = np.random.default_rng(0)
    time_s = np.arange(5000) / 2000
    blocks = []
    for record in records:
        beat = np.sin(2 * np.pi * (2 if record.label == "abnormal" else 1) * time_s) ** 8
        noise = rng.standard_normal((per_recording + 1, 5000))
        blocks.append((beat * noise).astype(np.float32))
    owner = np.repeat(np.arange(len(records)), per_recording)
    return WindowSet(
        recordings=records,
        blocks=np.concatenate(blocks),
        first_block=np.arange(len(owner)) + owner,
        recording=owner,
        quality=(Assessment(score=1.0, verdict="good", reasons=()),) * len(owner),
    )


def test_within_each_database_both_labels_weigh_the_same() -> None:
    found = windows()
    labels = found.labels(LABELS)
    weights = balanced(found, labels)
    database = np.array([record.database for record in found.recordings])[found.recording]
    assert weights.sum() == pytest.approx(1)
    for name in ("one", "two"):
        of_normal = weights[(database == name) & (labels == 0)].sum()
        of_abnormal = weights[(database == name) & (labels == 1)].sum()
        assert of_normal == pytest.approx(of_abnormal)


def test_a_large_database_counts_by_the_root_of_its_size() -> None:
    found = windows()
    weights = balanced(found, found.labels(LABELS))
    database = np.array([record.database for record in found.recordings])[found.recording]
    ratio = weights[database == "one"].sum() / weights[database == "two"].sum()
    assert ratio == pytest.approx((8 / 4) ** 0.5)


def test_training_learns_and_can_be_repeated_exactly() -> None:
    found = windows()
    net, again = train(found, QUICK), train(found, QUICK)
    assert all(
        torch.equal(first, second)
        for first, second in zip(
            net.state_dict().values(), again.state_dict().values(), strict=True
        )
    )


def test_a_checkpoint_brings_the_net_back(tmp_path: Path) -> None:
    config = TrainConfig(epochs=1, windows_per_epoch=16, batch=16)
    net = train(windows(), config)
    save(net, config, tmp_path / "new" / "net.pt")
    sound = torch.randn(3, 10_000)
    assert torch.equal(load(tmp_path / "new" / "net.pt")(sound), net(sound))
