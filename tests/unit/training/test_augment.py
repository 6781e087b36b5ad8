import pytest
import torch

from training.augment import flipped, sensor_response, shifted, with_noise


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def waveform() -> torch.Tensor:
    return torch.randn(8, 4000, generator=draw(9))


def turned(generator: torch.Generator) -> torch.Tensor:
    return flipped(shifted(waveform(), generator), generator)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_comes_at_the_ratio_asked_for(snr_db: float) -> None:
    clean = waveform() / waveform().square().mean(1, keepdim=True).sqrt()
    noisy = with_noise(clean, draw(), snr_db=(snr_db, snr_db))
    share = 1 / (1 + 10 ** (-snr_db / 10))
    kept = (noisy * clean).mean(1)
    assert kept == pytest.approx([share**0.5] * 8, abs=0.05)
    assert noisy.square().mean(1) == pytest.approx([1.0] * 8, abs=0.1)


def test_turning_moves_and_may_flip_but_loses_nothing() -> None:
    turned_sound = turned(draw())
    assert not torch.equal(turned_sound, waveform())
    same = turned_sound.abs().sort(1).values
    assert torch.equal(same, waveform().abs().sort(1).values)


def test_another_sensor_changes_the_spectrum_by_the_spread_asked_for() -> None:
    response_db = 20 * torch.log10(sensor_response(waveform(), draw(), spread_db=6.0))
    assert response_db.shape == (8, 2001)
    assert 3 < response_db.std() < 9
    assert response_db.diff(dim=1).abs().max() < 0.2


def test_the_same_draws_give_the_same_sound() -> None:
    first = with_noise(turned(d := draw()), d, snr_db=(0, 9))
    again = with_noise(turned(d := draw()), d, snr_db=(0, 9))
    assert torch.equal(first, again)
    responses = [sensor_response(waveform(), draw(), spread_db=3) for _ in range(2)]
    assert torch.equal(*responses)
