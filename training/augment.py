"""Other sensors and other rooms: random equalisers and noise for windows in training."""

import torch
from torch import Tensor

_KNOTS = 8  # of an equaliser, spread evenly over 0 to half the sample rate


def sensor_response(waveform: Tensor, draw: torch.Generator, *, spread_db: float) -> Tensor:
    """A smooth random frequency response for each window, normal with `spread_db` at its knots.

    Parameters
    ----------
    waveform
        Shape (batch, samples).

    Returns
    -------
    Gains, shape (batch, samples // 2 + 1).
    """
    knots_db = spread_db * torch.randn(
        len(waveform), 1, _KNOTS, generator=draw, device=waveform.device
    )
    response_db = torch.nn.functional.interpolate(
        knots_db, waveform.shape[-1] // 2 + 1, mode="linear", align_corners=True
    )[:, 0]
    gain: Tensor = 10 ** (response_db / 20)
    return gain


def with_noise(waveform: Tensor, draw: torch.Generator, *, snr_db: tuple[float, float]) -> Tensor:
    """Add noise between white and red to windows of RMS 1, at a ratio drawn from `snr_db`."""
    batch, samples = waveform.shape
    device = waveform.device
    white = torch.fft.rfft(torch.randn(batch, samples, generator=draw, device=device))
    slope = torch.rand(batch, 1, generator=draw, device=device)
    bins = torch.arange(1, white.shape[-1] + 1, device=device)
    coloured = torch.fft.irfft(white * torch.exp(-slope * bins.log()), n=samples)
    low, high = snr_db
    share = torch.rand(batch, 1, generator=draw, device=device)
    ratio: Tensor = 10 ** ((low + (high - low) * share) / 20)
    noise = coloured / coloured.square().mean(1, keepdim=True).sqrt() / ratio
    noisy: Tensor = (waveform + noise) / (1 + ratio**-2).sqrt()
    return noisy


def shifted(waveform: Tensor, draw: torch.Generator) -> Tensor:
    """Begin each window at another moment, its end wrapped around."""
    batch, samples = waveform.shape
    shift = torch.randint(samples, (batch, 1), generator=draw, device=waveform.device)
    places = torch.arange(samples, device=waveform.device)
    return waveform.gather(1, (places + shift) % samples)


def flipped(waveform: Tensor, draw: torch.Generator) -> Tensor:
    """Either polarity."""
    sign = torch.randint(2, (len(waveform), 1), generator=draw, device=waveform.device)
    return (1 - 2 * sign) * waveform
