"""The devices of a simulated ward, made from its settings: who hears what, how, and when."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingest import sounds
from ingest.chunk import Encoding
from ingest.faults import FaultPlan, FaultProfile, FaultyNetwork, profile
from ingest.playback import Playback
from ingest.simulated_names import device_id
from ingest.simulator_settings import SimulatorSettings
from ingest.sounds import Sound
from ingest.wearable_model import Outgoing, Wearable


class SimulatedDevice(NamedTuple):
    wearable: Wearable
    network: FaultyNetwork[Outgoing]


class _Part(NamedTuple):
    """What one device is given."""

    sample_rate_hz: int
    chunk_samples: int
    encoding: Encoding
    source: Path | float  # a recording, or the rate of a synthetic heart in bpm


def build(settings: SimulatorSettings, *, start_us: int) -> list[SimulatedDevice]:
    """All devices, switched on one after the other.

    Raises
    ------
    UserError
        If the recordings or the fault profile cannot be used.
    """
    faults = profile(settings.faults, settings.fault_settings)
    files = sounds.recordings(settings.recordings) if settings.sound == "recordings" else ()
    number = settings.devices or len(files) or 1
    playback = _Playbacks(faults, loop=settings.loop)
    devices = []
    for index in range(number):
        part = _part(settings, files, index, number)
        plan_seed, noise_seed = np.random.SeedSequence([settings.seed, index]).spawn(2)
        boots_seed = None if settings.repeat_boots else np.random.SeedSequence()
        plan = FaultPlan(faults, plan_seed, boots_seed)
        chunk_us = 1e6 * part.chunk_samples / part.sample_rate_hz
        power_up_us = chunk_us if settings.power_up_s is None else 1e6 * settings.power_up_s
        wearable = Wearable(
            device_id(settings.device_prefix, index, number),
            settings.groups[index % len(settings.groups)],
            playback.of(part, noise_seed),
            plan,
            ward_start_us=start_us,
            power_up_us=start_us + round(power_up_us * index / number),
        )
        network = FaultyNetwork[Outgoing](faults, plan.network_rng, chunk_us=chunk_us)
        devices.append(SimulatedDevice(wearable, network))
    return devices


class _Playbacks:
    """Devices that hear the same share it; where noise is mixed in, each hears its own."""

    def __init__(self, faults: FaultProfile, *, loop: bool) -> None:
        self._snr_db = faults.noise_snr_db
        self._loop = loop
        self._sound = cache(_sound)
        self._shared = cache(self._cut)

    def of(self, part: _Part, noise_seed: np.random.SeedSequence) -> Playback:
        if self._snr_db is None:
            return self._shared(part)
        return self._cut(part, noise_seed)

    def _cut(self, part: _Part, noise_seed: np.random.SeedSequence | None = None) -> Playback:
        sound = self._sound(part.source, part.sample_rate_hz)
        if self._snr_db is not None:
            sound = sounds.with_noise(sound, self._snr_db, np.random.default_rng(noise_seed))
        return Playback(
            sound, chunk_samples=part.chunk_samples, encoding=part.encoding, loop=self._loop
        )


def _part(settings: SimulatorSettings, files: tuple[Path, ...], index: int, number: int) -> _Part:
    rate_hz = settings.rates_hz[index % len(settings.rates_hz)]
    chunk_s = settings.chunk_s[index % len(settings.chunk_s)]
    # A few devices hear recordings from the whole list, not the first few of one database.
    place = index * len(files) // number if number < len(files) else index % max(1, len(files))
    return _Part(
        rate_hz,
        round(chunk_s * rate_hz),
        settings.encoding[index % len(settings.encoding)],
        files[place] if files else 55.0 + 5.0 * (index % 10),
    )


def _sound(source: Path | float, sample_rate_hz: int) -> Sound:
    if isinstance(source, Path):
        return sounds.load(source, sample_rate_hz)
    return sounds.synthetic(sample_rate_hz, rate_bpm=source)
