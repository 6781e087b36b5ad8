import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
import torch

from models.contract import ModelContract, Scaling
from models.dsp import scale
from models.errors import ConfigurationError
from models.recording import Recording as Heard
from tests.unit.training import two_tones
from training.datasets.recordings import Recording
from training.engine import clips, noise
from training.engine.recipe import Bandpass, Data, Hearing, Level

RNG = np.random.default_rng(3)


def contract(hearing: Hearing) -> ModelContract:
    return ModelContract(
        name="x",
        version="1",
        task="screen",
        labels=("a", "b"),
        exclusive=True,
        sample_rate_hz=hearing.sample_rate_hz,
        window_s=hearing.window_s,
        hop_s=hearing.hop_s,
        filter=hearing.filter_spec,
        scaling=hearing.scaling_spec,
        opset=18,
        training_data="",
        training_data_sha256="",
        split="",
        split_sha256="",
        git_commit="",
        metrics={},
        reference={},
        intended_use="",
        licence="",
    )


@pytest.mark.parametrize("seconds", [0.3, 2.0, 5.0, 13.7])
@pytest.mark.parametrize("rate_hz", [2000, 8000])
@pytest.mark.parametrize(
    "hearing",
    [
        Hearing(),
        Hearing(sample_rate_hz=1000, window_s=2.0, hop_s=0.75, filter="none"),
        Hearing(window_s=3.0, hop_s=1.0, filter=Bandpass(low_hz=40, high_hz=300, order=2)),
    ],
)
def test_windows_of_the_grid_are_those_that_the_artifact_will_get(
    hearing: Hearing, rate_hz: int, seconds: float
) -> None:
    samples = RNG.integers(-9000, 9000, round(seconds * rate_hz)).astype(np.int16)
    sound, starts = clips.heard(samples, rate_hz, hearing, "grid")
    windows = np.stack([sound[start : start + hearing.window_samples] for start in starts])
    expected = Heard(samples, rate_hz).windows(contract(hearing))
    np.testing.assert_array_equal(windows, expected)


def test_the_middle_is_cut_at_both_ends_or_padded_around() -> None:
    hearing = Hearing(sample_rate_hz=1000, window_s=2.0, hop_s=2.0, filter="none")
    long = np.arange(1000, 6000, dtype=np.int16)
    _, starts = clips.heard(long, 1000, hearing, "middle")
    assert starts.tolist() == [1500]
    short, starts = clips.heard(long[:500], 1000, hearing, "middle")
    assert starts.tolist() == [0]
    assert np.flatnonzero(short).tolist() == list(range(750, 1250))
    assert clips.heard(long, 1000, hearing, "first")[1].tolist() == [0]


@pytest.mark.parametrize("kind", ["rms", "peak", "none"])
def test_windows_are_scaled_as_the_pipeline_scales_them(kind: str) -> None:
    scaling = Scaling(**msgspec.structs.asdict(msgspec.convert({"kind": kind}, Level)))
    windows = np.concatenate([RNG.standard_normal((3, 500)), np.zeros((1, 500))])
    windows = (windows * [[0.001], [0.1], [5.0], [1.0]]).astype(np.float32)
    ours = clips.scaled(torch.from_numpy(windows), scaling).numpy()
    np.testing.assert_allclose(ours, scale(windows, scaling), rtol=1e-5)


def test_moments_are_anywhere_in_a_recording_and_never_outside(tmp_path: Path) -> None:
    found = two_tones.heard(two_tones.write(tmp_path), two_tones.recipe(tmp_path))
    draw = torch.Generator().manual_seed(1)
    owner = torch.arange(12).repeat_interleave(500)
    start = found.at_any_moment(owner, draw) - found.begin[owner]
    assert found.room.tolist() == [1500] * 12
    assert start.min() >= 0
    assert start.max() <= 1500
    assert start.float().std().item() == pytest.approx(1500 / 12**0.5, rel=0.05)
    assert found.samples(start[:2]).shape == (2, 1000)


def test_a_short_recording_is_filled_with_itself(tmp_path: Path) -> None:
    found = two_tones.heard(two_tones.write(tmp_path), two_tones.recipe(tmp_path))
    own = found.sound[found.begin[3] : found.begin[3] + 400].clone()
    length = found.length.clone()
    length[3] = 400
    short = dataclasses.replace(found, length=length)
    owner = torch.tensor([3, 4])
    start = short.begin[owner]
    looped, whole = short.repeated(start, owner, torch.Generator().manual_seed(1))
    assert torch.equal(whole, short.samples(start)[1])
    (turn,) = torch.nonzero(own == looped[0])[0].tolist()
    assert torch.equal(looped, own.roll(-turn).repeat(3)[:1000])


def test_a_set_is_cut_to_its_middle_where_a_recipe_says_so(tmp_path: Path) -> None:
    data = two_tones.write(tmp_path)
    told = two_tones.recipe(tmp_path, data__middle_s={data.name: 1.5})
    whole = two_tones.heard(data, two_tones.recipe(tmp_path))
    middle = two_tones.heard(data, told)
    assert torch.equal(middle.sound[:1500], whole.sound[500:2000])


def test_cleaning_shortens_silence_and_quietens_noise() -> None:
    sound = np.zeros(8000, np.int16)
    sound[:1000] = sound[-1000:] = RNG.integers(-9000, 9000, 1000)
    assert len(clips._cleaned(sound, 1000, ("silence",))) == 3000
    noisy = RNG.integers(-500, 500, 4000).astype(np.int16)
    quiet = clips._cleaned(noisy, 1000, ("wavelets",))
    assert quiet.dtype == np.int16
    assert quiet.std() < 0.2 * noisy.std()


def test_labels_become_targets() -> None:
    def named(*labels: str) -> Recording:
        return Recording(path="p", labels=labels, subject="s", database="d")

    told = Data(whole=("x",), labels=("normal", "murmur"), rename={"N": "normal"})
    assert clips.targets(named("N"), told) == [1, 0]
    with pytest.raises(ConfigurationError, match=r"p is called AS, .* data\.rename"):
        clips.targets(named("AS"), told)
    with pytest.raises(ConfigurationError, match=r"data\.exclusive = false"):
        clips.targets(named("normal", "murmur"), told)
    either = Data(whole=("x",), labels=("N", "AS", "MR"), rename={"abnormal": "AS|MR"})
    assert clips.targets(named("abnormal"), either) == [0, 1, 1]
    diagnosed = msgspec.structs.replace(either, diagnosed=True)
    known = msgspec.structs.replace(named("abnormal"), diagnosis="MR")
    assert clips.targets(known, either) == [0, 1, 1]
    assert clips.targets(known, diagnosed) == [0, 0, 1]
    concur = Data(whole=("x",), labels=("AS", "MR"), exclusive=False)
    assert clips.targets(named("AS", "MR"), concur) == [1, 1]
    assert clips.targets(named("N"), concur) == [0, 0]


def test_recorded_noise_is_heard_as_the_recordings_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTWARD_DATA", str(tmp_path))
    place = tmp_path / "noise"
    place.mkdir()
    (place / "labels.csv").write_text("path\na.wav\nb.wav\n")
    sounds = [RNG.integers(-9000, 9000, size).astype(np.int16) for size in (8000, 12_000)]
    for name, sound in zip(("a.wav", "b.wav"), sounds, strict=True):
        soundfile.write(place / name, sound, 4000, "PCM_16")
    hearing = Hearing(window_s=1.0, hop_s=1.0)
    found = noise.load(hearing).numpy()
    assert len(found) == 4000 + 6000
    expected, _ = clips.heard(sounds[1], 4000, hearing, "grid")
    np.testing.assert_array_equal(found[4000:], expected)
    soundfile.write(place / "b.wav", np.stack([sounds[1]] * 2, 1), 4000, "PCM_16")
    with pytest.raises(ConfigurationError, match=r"b\.wav of noise has 2 channels"):
        noise.load(hearing)
