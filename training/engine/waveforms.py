"""Augmentation of waveforms, shape (batch, samples): all of it on the waveform's own device.

Every function draws from the generator that it is given and from nothing else. See
`training.engine.augmentation` for the strengths, and `training.augment` for equalisers and
coloured noise.
"""

import math

import torch
from torch import Tensor

from models.errors import ConfigurationError
from training.augment import flipped, sensor_response, shifted, with_noise
from training.engine.augmentation import Augmentation

_STEP = 2.0**-15  # of 16 bits, at full scale 1
_LEAST = 1e-5
_VOCODER_S = 0.128  # long enough to tell the lowest pitches apart, short enough for a valve's click
_OVERLAP = 4
_SEMITONES = 12
_CUT_HZ = (150.0, 900.0)  # above what every stethoscope gives, and above what any net hears
_ROLL_LOW_HZ = (5.0, 60.0)
_RESONANCE_HZ = (40.0, 600.0)
_RESONANCE_DB = 8.0
_GAP = (0.02, 0.6)  # of a window; the pipeline passes over those of which half is missing


def augmented(
    waveform: Tensor,
    how: Augmentation,
    draw: torch.Generator,
    *,
    sample_rate_hz: int,
    noise: Tensor | None,
) -> Tensor:
    """All that a recipe asks for; each window keeps its level.

    Parameters
    ----------
    noise
        Recorded noise, shape (samples,), heard as the recordings are.
    """
    if how.dither_steps:
        waveform = dithered(waveform, draw, how.dither_steps)
    level = _rms(waveform)
    waveform = _elsewhere(_moved(waveform, how, draw, sample_rate_hz), how, draw, sample_rate_hz)
    if how.recorded_snr_db and noise is not None:
        ratio_db = _evenly(waveform, draw, how.recorded_snr_db)
        waveform = with_recorded(waveform, noise, ratio_db, draw, share=how.recorded_share)
    if how.coloured_snr_db:
        low, high = how.coloured_snr_db
        waveform = with_noise(waveform / _rms(waveform), draw, snr_db=(low, high))
    waveform = waveform / _rms(waveform) * level
    return with_gaps(waveform, draw, how.gaps) if how.gaps else waveform


def _moved(
    waveform: Tensor, how: Augmentation, draw: torch.Generator, sample_rate_hz: int
) -> Tensor:
    """The same heart at another moment, tempo and pitch."""
    if how.shift:
        waveform = shifted(waveform, draw)
    if how.flip:
        waveform = flipped(waveform, draw)
    if how.stretch:
        waveform = stretched(waveform, _evenly(waveform, draw, how.stretch), sample_rate_hz)
    if how.pitch_semitones:
        steps = _evenly(waveform, draw, how.pitch_semitones)
        waveform = repitched(waveform, 2 ** (steps / _SEMITONES), sample_rate_hz)
    if how.speed:
        waveform = at_speed(waveform, _logarithmically(waveform, draw, how.speed))
    return waveform


def _elsewhere(
    waveform: Tensor, how: Augmentation, draw: torch.Generator, sample_rate_hz: int
) -> Tensor:
    """The same sound through another sensor, at RMS 1."""
    hz = _bins_hz(waveform, sample_rate_hz)
    response: Tensor | None = None
    if how.equaliser_db:
        response = sensor_response(waveform, draw, spread_db=how.equaliser_db)
    if how.microphone:
        response = _times(response, microphone_response(waveform, draw, how.microphone, hz))
    if how.band_limit:
        response = _times(response, limited_response(waveform, draw, how.band_limit, hz))
    if response is not None:
        waveform = _filtered(waveform, response)
    return waveform / _rms(waveform)


def dithered(waveform: Tensor, draw: torch.Generator, steps: float) -> Tensor:
    """Even noise of up to so many steps of 16 bits, drawn anew for each window."""
    widest = steps * _STEP * _share(waveform, draw)
    noise = torch.rand(waveform.shape, generator=draw, device=waveform.device) - 0.5
    return waveform + widest * noise


def stretched(waveform: Tensor, tempo: Tensor, sample_rate_hz: int) -> Tensor:
    """Another tempo at the same pitch, by a phase vocoder; what lacks at the end is wrapped around.

    Parameters
    ----------
    tempo
        Shape (batch, 1): 1.1 beats a tenth faster.
    """
    samples = waveform.shape[1]
    size = 2 ** round(math.log2(_VOCODER_S * sample_rate_hz))
    hop = size // _OVERLAP
    if samples < size:
        raise ConfigurationError(
            f"a window of {samples} samples is too short to be stretched: at {sample_rate_hz} Hz "
            f"it takes {size}; leave augmentation.stretch and pitch_semitones out"
        )
    window = torch.hann_window(size, device=waveform.device)
    spectrum = torch.stft(waveform, size, hop, window=window, return_complex=True)
    frames = spectrum.shape[2]
    place = torch.arange(frames, device=waveform.device) * tempo % (frames - 1)
    before = place.long()[:, None].expand(-1, spectrum.shape[1], -1)
    earlier, later = spectrum.gather(2, before), spectrum.gather(2, before + 1)
    share = (place % 1)[:, None]
    magnitude = (1 - share) * earlier.abs() + share * later.abs()
    advance = later.angle() - earlier.angle()
    phase = spectrum[:, :, :1].angle() + advance.cumsum(2) - advance[:, :, :1]
    heard: Tensor = torch.istft(
        torch.polar(magnitude, phase), size, hop, window=window, length=samples
    )
    return heard


def repitched(waveform: Tensor, factor: Tensor, sample_rate_hz: int) -> Tensor:
    """Another pitch at the same tempo: stretched, then read faster or slower."""
    slower = stretched(waveform, 1 / factor, sample_rate_hz)
    samples = waveform.shape[1]
    place = torch.arange(samples, device=waveform.device) * factor % (samples - 1)
    before = place.long()
    share = place % 1
    return (1 - share) * slower.gather(1, before) + share * slower.gather(1, before + 1)


def at_speed(waveform: Tensor, factor: Tensor) -> Tensor:
    """Played faster or slower, tempo and pitch together; what lacks at the end is wrapped around.

    A smaller heart beats faster and sounds higher. Read by a cubic spline (Catmull-Rom), which
    costs a fiftieth of the phase vocoder.

    Parameters
    ----------
    factor
        Shape (batch, 1): 1.2 beats a fifth faster.
    """
    samples = waveform.shape[1]
    place = torch.arange(samples, device=waveform.device) * factor % samples
    at = place.long()
    t = place - at
    # Neighbours by padding: a remainder of each place would take longer than all else.
    around = torch.cat([waveform[:, -1:], waveform, waveform[:, :2]], 1)
    before, here, after, beyond = (around.gather(1, at + k) for k in range(4))
    slope, bend = after - before, 2 * before - 5 * here + 4 * after - beyond
    cube = 3 * (here - after) + beyond - before
    return here + 0.5 * t * (slope + t * (bend + t * cube))


def microphone_response(
    waveform: Tensor, draw: torch.Generator, share: float, hz: Tensor
) -> Tensor:
    """First-order roll-offs at both ends and one resonance, of a share of the windows."""
    low, high = (_logarithmically(waveform, draw, ends) for ends in (_ROLL_LOW_HZ, _CUT_HZ))
    peak = _logarithmically(waveform, draw, _RESONANCE_HZ)
    height_db = _evenly(waveform, draw, (-_RESONANCE_DB, _RESONANCE_DB))
    octaves = torch.log2(hz.clamp(min=1.0) / peak)
    response = 10 ** (height_db * torch.exp(-2 * octaves.square()) / 20)
    response = response / torch.sqrt(
        (1 + (hz / high).square()) * (1 + (low / hz.clamp(min=1.0)).square())
    )
    return torch.where(chosen(waveform, draw, share), response, 1.0)


def limited_response(waveform: Tensor, draw: torch.Generator, share: float, hz: Tensor) -> Tensor:
    """Nothing above a random frequency, as after a low sample rate or a codec."""
    cut = _logarithmically(waveform, draw, _CUT_HZ)
    steep = 1 / (1 + (hz / cut) ** 16)
    return torch.where(chosen(waveform, draw, share), steep, 1.0)


def with_recorded(
    waveform: Tensor, noise: Tensor, snr_db: Tensor, draw: torch.Generator, *, share: float
) -> Tensor:
    """Add a random piece of recorded noise to a share of windows of RMS 1."""
    batch, samples = waveform.shape
    last = len(noise) - samples
    if last < 0:
        raise ConfigurationError(
            f"the recorded noise has {len(noise)} samples, and a window {samples}: "
            "leave augmentation.recorded_snr_db out"
        )
    start = torch.randint(last + 1, (batch, 1), generator=draw, device=waveform.device)
    piece = noise[start + torch.arange(samples, device=waveform.device)]
    added = piece / _rms(piece) * 10 ** (-snr_db / 20)
    return waveform + torch.where(chosen(waveform, draw, share), added, 0.0)


def with_gaps(waveform: Tensor, draw: torch.Generator, share: float) -> Tensor:
    """Silence a stretch of a share of the windows: every second time at the end."""
    samples = waveform.shape[1]
    length = samples * _evenly(waveform, draw, _GAP)
    last = samples - length
    at_end = chosen(waveform, draw, 0.5)
    begin = torch.where(at_end, last, last * _share(waveform, draw))
    place = torch.arange(samples, device=waveform.device)
    silent = (place >= begin) & (place < begin + length) & chosen(waveform, draw, share)
    return waveform.masked_fill(silent, 0.0)


def louder(waveform: Tensor, draw: torch.Generator, gain_db: float) -> Tensor:
    """Another gain, up to `gain_db` either way."""
    factor: Tensor = 10 ** (_evenly(waveform, draw, (-gain_db, gain_db)) / 20)
    return waveform * factor


def _times(response: Tensor | None, other: Tensor) -> Tensor:
    return other if response is None else response * other


def _filtered(waveform: Tensor, response: Tensor) -> Tensor:
    heard: Tensor = torch.fft.irfft(torch.fft.rfft(waveform) * response, n=waveform.shape[1])
    return heard


def _bins_hz(waveform: Tensor, sample_rate_hz: int) -> Tensor:
    samples = waveform.shape[1]
    hz: Tensor = torch.fft.rfftfreq(samples, 1 / sample_rate_hz, device=waveform.device)
    return hz


def _rms(waveform: Tensor) -> Tensor:
    return waveform.square().mean(1, keepdim=True).sqrt().clamp(min=_LEAST)


def _share(waveform: Tensor, draw: torch.Generator) -> Tensor:
    return torch.rand(len(waveform), 1, generator=draw, device=waveform.device)


def chosen(waveform: Tensor, draw: torch.Generator, share: float) -> Tensor:
    return _share(waveform, draw) < share


def _evenly(waveform: Tensor, draw: torch.Generator, ends: tuple[float, ...]) -> Tensor:
    low, high = ends
    return low + (high - low) * _share(waveform, draw)


def _logarithmically(waveform: Tensor, draw: torch.Generator, ends: tuple[float, ...]) -> Tensor:
    low, high = ends
    drawn: Tensor = low * (high / low) ** _share(waveform, draw)
    return drawn
