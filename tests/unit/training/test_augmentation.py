"""Every augmentation keeps the shape, follows its seed, and does what it is called."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from models.errors import ConfigurationError
from training.architectures.registry import Classifier
from training.engine import pictures, waveforms
from training.engine.augmentation import Augmentation
from training.front_end_config import LogMelConfig

RATE_HZ = 2000
EVERYTHING: dict[str, Any] = {
    "shift": True,
    "flip": True,
    "stretch": (0.9, 1.1),
    "pitch_semitones": (-1.0, 1.0),
    "speed": (0.8, 1.25),
    "equaliser_db": 3.0,
    "microphone": 1.0,
    "band_limit": 1.0,
    "dither_steps": 2.0,
    "coloured_snr_db": (10.0, 20.0),
    "recorded_snr_db": (10.0, 20.0),
    "recorded_share": 1.0,
}


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sound(*, batch: int = 4, samples: int = 4000) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=seeded(9))


def tone(hz: float, *, batch: int = 3, samples: int = 8000) -> Tensor:
    time_s = torch.arange(samples, dtype=torch.float64) / RATE_HZ
    return (2 * math.pi * hz * time_s).sin().float().repeat(batch, 1)


def peak_hz(waveform: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(waveform * torch.hann_window(waveform.shape[1])).abs()
    step_hz = RATE_HZ / waveform.shape[1]
    found: Tensor = spectrum.argmax(1) * step_hz
    return found


def augmented(waveform: Tensor, seed: int, **told: Any) -> Tensor:
    how = msgspec.convert(told, Augmentation)
    noise = torch.randn(20_000, generator=seeded(4))
    return waveforms.augmented(waveform, how, seeded(seed), sample_rate_hz=RATE_HZ, noise=noise)


@pytest.mark.parametrize("name", [*EVERYTHING, "everything"])
def test_it_keeps_shape_and_level_and_follows_its_seed(name: str) -> None:
    told = EVERYTHING if name == "everything" else {name: EVERYTHING[name]}
    if name == "recorded_share":
        told = {**told, "recorded_snr_db": (10.0, 20.0)}
    once, again, other = (augmented(sound(), seed, **told) for seed in (1, 1, 2))
    assert once.shape == (4, 4000)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert not torch.allclose(once, sound())
    levels = once.square().mean(1).sqrt() / sound().square().mean(1).sqrt()
    assert levels.log10().abs().max() < 0.12


def test_without_strengths_nothing_changes() -> None:
    torch.testing.assert_close(augmented(sound(), 1), sound())


def test_silence_stays_finite() -> None:
    assert augmented(torch.zeros(2, 4000), 1, **EVERYTHING).isfinite().all()


def test_a_faster_tempo_keeps_the_pitch_and_moves_the_beats() -> None:
    tempo = torch.tensor([[0.8], [1.0], [1.25]])
    pitch = peak_hz(waveforms.stretched(tone(150), tempo, RATE_HZ))
    assert pitch.tolist() == pytest.approx([150, 150, 150], abs=2)
    click = torch.zeros(3, 8000)
    click[:, 4000:4040] = tone(300, samples=40)
    moved = waveforms.stretched(click, tempo, RATE_HZ).abs()
    places = moved.argmax(1).float() / 4000
    assert places.tolist() == pytest.approx([1.25, 1.0, 0.8], abs=0.03)


def test_another_pitch_keeps_the_tempo() -> None:
    factor = torch.tensor([[0.9], [1.0], [1.2]])
    pitch = peak_hz(waveforms.repitched(tone(150), factor, RATE_HZ))
    assert pitch.tolist() == pytest.approx([135, 150, 180], abs=2)
    click = torch.zeros(3, 8000)
    click[:, 4000:4040] = tone(300, samples=40)
    places = waveforms.repitched(click, factor, RATE_HZ).abs().argmax(1)
    assert places.tolist() == pytest.approx([4010] * 3, abs=130)


def test_a_window_too_short_for_the_vocoder_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="too short to be stretched"):
        waveforms.stretched(sound(samples=200), torch.ones(4, 1), RATE_HZ)


def test_noise_is_as_loud_as_the_ratio_says() -> None:
    clean = sound() / sound().square().mean(1, keepdim=True).sqrt()
    noise = torch.randn(9000, generator=seeded(2))
    ratio_db = torch.tensor([[0.0], [10.0], [20.0], [30.0]])
    added = waveforms.with_recorded(clean, noise, ratio_db, seeded(), share=1.0) - clean
    levels_db = -20 * added.square().mean(1).sqrt().log10()
    assert levels_db.tolist() == pytest.approx([0, 10, 20, 30], abs=0.01)
    none = waveforms.with_recorded(clean, noise, ratio_db, seeded(), share=0.0)
    assert torch.equal(none, clean)
    with pytest.raises(ConfigurationError, match=r"leave augmentation\.recorded_snr_db out"):
        waveforms.with_recorded(clean, noise[:100], ratio_db, seeded(), share=1.0)


def test_dither_is_fainter_than_its_steps() -> None:
    noise = waveforms.dithered(torch.zeros(4, 4000), seeded(), 2.0) * 2**15
    assert noise.abs().max() <= 1.0
    assert noise.std(1).min() > 0.01


def test_a_limited_band_has_nothing_above_900_hz() -> None:
    hz = torch.fft.rfftfreq(4000, 1 / RATE_HZ)
    passed = waveforms.limited_response(sound(), seeded(), 1.0, hz)
    assert passed[:, hz > 975].max() < 0.3
    assert passed[:, hz < 100].min() > 0.99
    assert (waveforms.limited_response(sound(), seeded(), 0.0, hz) == 1).all()


def test_another_speed_moves_pitch_and_tempo() -> None:
    factor = torch.tensor([[0.8], [1.0], [1.25]])
    pitch = peak_hz(waveforms.at_speed(tone(150), factor))
    assert pitch.tolist() == pytest.approx([120, 150, 187.5], abs=1)
    click = torch.zeros(3, 8000)
    click[:, 4000] = 1
    places = waveforms.at_speed(click, factor).argmax(1)
    assert places.tolist() == [5000, 4000, 3200]
    assert torch.equal(waveforms.at_speed(tone(150), torch.ones(3, 1)), tone(150))


def test_gain_stays_within_its_bounds() -> None:
    gains_db = 20 * waveforms.louder(torch.ones(500, 1), seeded(), 6.0).log10()
    assert -6 <= gains_db.min() < -5.5
    assert 5.5 < gains_db.max() <= 6


def _bands(hidden: Tensor) -> Tensor:
    return hidden.all(3).sum(2).squeeze(1)


def _frames(hidden: Tensor) -> Tensor:
    return hidden.all(2).sum(2).squeeze(1)


@pytest.mark.parametrize(("axis", "count", "length"), [(2, _bands, 20), (3, _frames, 50)])
def test_masks_hide_up_to_their_width_and_nothing_else(
    axis: int, count: Callable[[Tensor], Tensor], length: int
) -> None:
    picture = torch.randn(200, 1, 20, 50, generator=seeded(3))
    hidden = pictures.masked(picture, axis, 0.2, seeded()) != picture
    widths = count(hidden)
    assert widths.max() == 0.2 * length
    assert widths.min() == 0
    other_length = 1000 // length
    assert torch.equal(hidden.sum((1, 2, 3)), widths * other_length)


class _Net(torch.nn.Module):
    def forward(self, picture: Tensor) -> Tensor:
        return picture.flatten(1)


def test_masks_are_for_training_only_and_can_be_taken_away() -> None:
    front = torch.nn.Unflatten(1, (1, 20, 50))
    net = Classifier(front, _Net())
    masks = pictures.Masks(net, Augmentation(band_mask=0.5, frame_mask=0.5, masks=2))
    masks.use(seeded())
    heard = torch.randn(8, 1000, generator=seeded(3))
    assert not torch.equal(net.train()(heard), heard)
    assert torch.equal(net.eval()(heard), heard)
    masks.remove()
    assert torch.equal(net.train()(heard), heard)


def test_masks_reach_the_picture_inside_cnn14() -> None:
    from training.architectures import registry  # noqa: PLC0415 (a large net, made once)

    config = LogMelConfig(bands=32, hop_samples=100, level="db", normalisation="none", centred=True)
    net = registry.build("cnn14", 2, config, window_samples=4000)
    pictures.Masks(net, Augmentation(band_mask=1.0)).use(seeded())
    seen: list[Tensor] = []
    net.net.get_submodule("bn0").register_forward_hook(lambda _m, args, _o: seen.append(args[0]))
    net.eval()(sound())
    net.train()(sound())
    assert not torch.equal(seen[0], seen[1])


def test_mixup_mixes_sound_and_labels_by_one_share() -> None:
    waveform = torch.arange(6.0)[:, None].repeat(1, 10)
    target = torch.eye(6)
    mixed, labels = pictures.mixed(waveform, target, 0.4, seeded())
    torch.testing.assert_close(labels.sum(1), torch.ones(6))
    torch.testing.assert_close(mixed[:, 0], labels @ torch.arange(6.0))
    assert (labels.max(1).values >= 0.5).all()
    again, _ = pictures.mixed(waveform, target, 0.4, seeded())
    assert torch.equal(mixed, again)


def test_gaps_silence_one_stretch_of_a_share_of_the_windows() -> None:
    heard = waveforms.with_gaps(torch.ones(2000, 100), seeded(), 0.25) == 0
    lengths = heard.sum(1)
    some = heard[lengths > 0]
    assert len(some) == pytest.approx(500, abs=60)
    assert 1 <= some.sum(1).min() <= 5
    assert 57 <= lengths.max() <= 61
    edges = (some[:, 1:] != some[:, :-1]).sum(1) + some[:, 0].int() + some[:, -1].int()
    assert (edges == 2).all()
    assert some[:, -1].float().mean() == pytest.approx(0.5, abs=0.08)
