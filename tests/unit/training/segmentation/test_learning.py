"""The net learns from made hearts, repeats itself, and is measured on what it hears."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.contract import PIPELINE_GRID
from models.segmentation import STATES
from tests.unit.models.beats import onsets_s
from training.datasets.recordings import DataSet, Recording
from training.engine import noise
from training.engine.clips import scaled
from training.segmentation import baseline
from training.segmentation import train as training
from training.segmentation.figures import figures
from training.segmentation.listening import listen
from training.segmentation.marked import Marked, marked
from training.segmentation.net import NetConfig
from training.segmentation.train import TrainConfig, load, save, train

RATE_HZ = PIPELINE_GRID.sample_rate_hz
LENGTH_S = 15.0
CONFIG = TrainConfig(
    net=NetConfig(fine=16, coarse=16, dilations=(1, 2, 4)),
    epochs=4,
    windows_per_epoch=320,
    batch=16,
    learning_rate=1e-2,
    recorded_share=0.0,
)


def write(folder: Path, name: str, rate_bpm: float) -> Recording:
    """A made heart: a low S1, a higher S2, in faint noise; and its marks in a .tsv beside it."""
    onset_s = onsets_s(np.full(int(LENGTH_S * rate_bpm / 60) + 1, 60 / rate_bpm), 0.1)
    at_s = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ
    sound = 0.003 * np.random.default_rng(int(rate_bpm)).normal(size=len(at_s))
    for first, last, tone_hz in ((0, 1, 45.0), (2, 3, 75.0)):
        for start_s, end_s in onset_s[:, (first, last)]:
            inside = (at_s >= start_s) & (at_s < end_s)
            shape = np.sin(np.pi * (at_s[inside] - start_s) / (end_s - start_s))
            sound[inside] += 0.2 * shape * np.sin(2 * np.pi * tone_hz * at_s[inside])
    soundfile.write(folder / f"{name}.flac", sound, RATE_HZ)
    edges = [*onset_s.ravel(), onset_s[-1, 0] + 60 / rate_bpm]
    lines = [
        f"{edges[k]:.4f}\t{edges[k + 1]:.4f}\t{k % 4 + 1}"
        for k in range(len(edges) - 1)
        if edges[k + 1] < LENGTH_S
    ]
    (folder / f"{name}.tsv").write_text("\n".join(lines))
    return Recording(path=f"{name}.flac", labels=("normal",), subject=name, database="made")


@pytest.fixture(scope="module")
def hearts(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder = tmp_path_factory.mktemp("hearts")
    recordings = tuple(write(folder, f"h{bpm}", bpm) for bpm in (58, 66, 74, 81, 92, 105, 121))
    return DataSet(name="made", folder=folder, recordings=recordings)


@pytest.fixture(autouse=True)
def faint_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "load", lambda _: torch.zeros(20_000))


@pytest.fixture(scope="module")
def recordings(hearts: DataSet) -> list[Marked]:
    return marked(hearts)


def test_it_learns_made_hearts_and_finds_their_beats(
    hearts: DataSet, recordings: list[Marked], tmp_path: Path
) -> None:
    heard_of, unheard = recordings[:-1], [recordings[-1].recording.path, "h81.flac"]
    save(train(heard_of, CONFIG), CONFIG, tmp_path / "net.pt")
    net = load(tmp_path / "net.pt")

    def predict(windows: np.typing.NDArray[np.float32]) -> np.typing.NDArray[np.float32]:
        with torch.no_grad():
            waveform = scaled(torch.from_numpy(windows), training.SCALING)
            return np.asarray(net(waveform).softmax(-1).numpy())

    found = figures("made", listen(hearts, unheard, predict))
    f1, low, high = found.sounds["all"].f1["60"]
    assert f1 > 0.95
    assert low <= f1 <= high
    assert found.rates["good windows, all"].near > 0.9
    assert found.agreement["all"] > 0.9


def test_a_training_repeats_itself_bit_for_bit(recordings: list[Marked]) -> None:
    short = TrainConfig(net=CONFIG.net, epochs=1, windows_per_epoch=32, batch=16)
    first, second = (train(recordings, short).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_windows_begin_only_where_enough_is_marked(recordings: list[Marked]) -> None:
    own = recordings[0]._replace(marks=np.where(np.arange(len(recordings[0].marks)) < 200, 0, -1))
    pieces = training.gather([own, recordings[1]])
    assert pieces.weight.sum() == pytest.approx(1)
    first = pieces.start < len(own.marks)
    known = [(own.marks[start : start + 250] >= 0).mean() for start in pieces.start[first]]
    assert min(known) >= 0.3
    assert pieces.weight[first].sum() == pytest.approx(0.5)


def test_the_baseline_learns_the_same_hearts(hearts: DataSet, recordings: list[Marked]) -> None:
    envelopes = baseline.fit(recordings[:-1], windows=60)
    found = figures("made", listen(hearts, ["h121.flac", "h74.flac"], envelopes.predict))
    assert found.sounds["all"].f1["100"][0] > 0.6
    windows = recordings[0].sound[np.newaxis, : PIPELINE_GRID.window_samples]
    assert envelopes.predict(windows).shape == (1, 250, len(STATES))


def test_every_training_leaves_its_own_fold_unheard() -> None:
    named = training.trainings()
    for fold, name in enumerate(f"fold-{fold}" for fold in range(5)):
        for data_set in training.DATA_SETS:
            tested = {(data_set, path) for path in training.turns(data_set)[fold].test}
            assert tested
            assert not tested & named[name]
    alone = named["without-circor2022"]
    assert {data_set for data_set, _ in alone} == {"physionet2016"}
