"""What goes wrong in a simulated ward, drawn from a seed: when, how often and how badly."""

from collections.abc import Mapping
from math import inf
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import ConfigurationError


class FaultProfile(BaseModel):
    """How a ward's devices and their network misbehave; by default not at all.

    Spells of trouble come at random with a mean distance of ``..._every_s`` seconds (0 is never)
    and last half to one and a half times ``..._s``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss_fraction: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Chunks that never arrive."
    )
    duplicate_fraction: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Chunks that come twice."
    )
    reorder_fraction: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Chunks that are overtaken by one or two later ones.",
    )
    jitter_s: float = Field(
        default=0.0, ge=0.0, description="Greatest delay of a chunk on its way."
    )
    outage_every_s: float = Field(default=0.0, ge=0.0, description="Between losses of the network.")
    outage_s: float = Field(default=30.0, gt=0.0, description="Length of one.")
    reboot_every_s: float = Field(
        default=0.0, ge=0.0, description="Between power losses of a device."
    )
    reboot_s: float = Field(default=5.0, gt=0.0, description="How long it stays off.")
    electrode_off_every_s: float = Field(
        default=0.0, ge=0.0, description="Between losses of contact."
    )
    electrode_off_s: float = Field(default=15.0, gt=0.0, description="Length of one.")
    clock_offset_s: float = Field(
        default=0.0, ge=0.0, description="Greatest error of a device's clock."
    )
    clock_drift_ppm: float = Field(
        default=0.0,
        ge=0.0,
        le=1000.0,
        description="Greatest error of its rate, and of its sampling.",
    )
    noise_snr_db: float | None = Field(
        default=None, description="Noise in the sound, at this ratio."
    )
    low_battery_fraction: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Devices low on power."
    )


PROFILES = {
    "none": FaultProfile(),
    "gentle": FaultProfile(
        loss_fraction=0.001,
        duplicate_fraction=0.001,
        reorder_fraction=0.002,
        jitter_s=0.05,
        outage_every_s=600.0,
        outage_s=20.0,
        reboot_every_s=1800.0,
        electrode_off_every_s=600.0,
        clock_offset_s=2.0,
        clock_drift_ppm=20.0,
        low_battery_fraction=0.1,
    ),
    "rough": FaultProfile(
        loss_fraction=0.01,
        duplicate_fraction=0.01,
        reorder_fraction=0.02,
        jitter_s=0.4,
        outage_every_s=120.0,
        outage_s=45.0,
        reboot_every_s=300.0,
        electrode_off_every_s=180.0,
        clock_offset_s=120.0,
        clock_drift_ppm=100.0,
        noise_snr_db=10.0,
        low_battery_fraction=0.3,
    ),
}


def profile(name: str, single: Mapping[str, float]) -> FaultProfile:
    """A named profile with single settings on top.

    Raises
    ------
    ConfigurationError
        If either is unknown or out of range, listing what is known.
    """
    if name not in PROFILES:
        raise ConfigurationError(
            f"fault profile {name!r} is not known, these are: {', '.join(PROFILES)}"
        )
    try:
        return FaultProfile(**{**PROFILES[name].model_dump(), **single})
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, problem["loc"]))
        known = ", ".join(FaultProfile.model_fields)
        raise ConfigurationError(
            f"fault setting {field}: {problem['msg']}; known are {known}"
        ) from None


class Spell(NamedTuple):
    from_us: float
    until_us: float


class Spells:
    """Spells of one trouble, in the order of time, without end; asked with growing times.

    Times are microseconds since the ward began; `current` is the spell that is on or comes next.
    """

    def __init__(self, every_s: float, length_s: float, rng: np.random.Generator) -> None:
        self._every_us = 1e6 * every_s
        self._length_us = 1e6 * length_s
        self._rng = rng
        self.current = Spell(0.0, 0.0)
        self.advance()

    def advance(self) -> None:
        """Draw the spell after the current one."""
        if not self._every_us:
            self.current = Spell(inf, inf)
            return
        from_us = self.current.until_us + self._rng.exponential(self._every_us)
        length_us = self._length_us * self._rng.uniform(0.5, 1.5)
        self.current = Spell(round(from_us), round(from_us + length_us))

    def on_at(self, elapsed_us: float) -> bool:
        """Whether the trouble is on; `elapsed_us` never goes back."""
        while self.current.until_us <= elapsed_us:
            self.advance()
        return self.current.from_us <= elapsed_us


class FaultPlan:
    """Everything that happens to one device, drawn from its own seed.

    Each trouble has a generator of its own, so that more of one does not move the others. Boot
    ids come from `boots_seed` where it is given.
    """

    def __init__(
        self,
        faults: FaultProfile,
        seed: np.random.SeedSequence,
        boots_seed: np.random.SeedSequence | None = None,
    ) -> None:
        boots, power, network, electrode, outage, device = map(np.random.default_rng, seed.spawn(6))
        self._boots = boots if boots_seed is None else np.random.default_rng(boots_seed)
        self.power_losses = Spells(faults.reboot_every_s, faults.reboot_s, power)
        self.outages = Spells(faults.outage_every_s, faults.outage_s, outage)
        self.electrode_off = Spells(faults.electrode_off_every_s, faults.electrode_off_s, electrode)
        self.network_rng = network
        self.clock_offset_us = round(1e6 * device.uniform(-1.0, 1.0) * faults.clock_offset_s)
        self.clock_drift_ppm = float(device.uniform(-1.0, 1.0) * faults.clock_drift_ppm)
        is_low = device.uniform() < faults.low_battery_fraction
        self.battery_fraction = float(device.uniform(*((0.03, 0.12) if is_low else (0.4, 1.0))))
        self.signal_dbm = float(round(device.uniform(-75.0, -45.0)))

    def new_boot_id(self) -> int:
        return int(self._boots.integers(0, 2**32))


_Message = TypeVar("_Message")


class FaultyNetwork(Generic[_Message]):
    """Delays, loses, doubles and reorders the messages of one device.

    Jitter alone keeps their order, as TCP does; a message that is held back for reordering lets
    later ones pass.
    """

    def __init__(self, faults: FaultProfile, rng: np.random.Generator, *, chunk_us: float) -> None:
        self.lost = self.doubled = 0
        self._faults = faults
        self._rng = rng
        self._chunk_us = chunk_us
        self._last_due_us = 0
        self._is_perfect = not any(
            (
                faults.loss_fraction,
                faults.duplicate_fraction,
                faults.reorder_fraction,
                faults.jitter_s,
            )
        )

    def carry(self, messages: list[_Message], now_us: int) -> list[tuple[int, _Message]]:
        """Say when each message reaches the broker, if it does."""
        if self._is_perfect:
            return [(now_us, message) for message in messages]
        return [(due_us, m) for m in messages for due_us in self._fate(now_us)]

    def _fate(self, now_us: int) -> list[int]:
        loss, doubling, holding, jitter, hold = self._rng.uniform(size=5)
        due_us = max(self._last_due_us, now_us + round(1e6 * self._faults.jitter_s * jitter))
        if loss < self._faults.loss_fraction:
            self.lost += 1
            return []
        if holding < self._faults.reorder_fraction:
            due_us += round((1.0 + hold) * self._chunk_us)
        else:
            self._last_due_us = due_us
        if doubling < self._faults.duplicate_fraction:
            self.doubled += 1
            return [due_us, due_us]
        return [due_us]
