"""What a simulated ward is made of."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ingest.chunk import (
    MAX_CHUNK_S,
    MAX_SAMPLES_BYTES,
    MIN_CHUNK_S,
    SAMPLE_RATES_HZ,
    Encoding,
    is_device_id,
)
from ingest.simulated_names import PREFIX
from ingest.sounds import PACKAGED


def _split(value: object) -> object:
    """``2000,4000`` as well as a list or tuple, and what `str` makes of those."""
    if not isinstance(value, str):
        return value
    items = (item.strip(" '\"") for item in value.strip("()[]{} ").split(","))
    return tuple(item for item in items if item)


def _split_pairs(value: object) -> object:
    """``jitter_s=0.5,loss_fraction=0.01``."""
    items = _split(value)
    if not isinstance(items, tuple):
        return value
    return {
        name.strip(" '\""): number.strip()
        for name, _, number in (item.replace(":", "=").partition("=") for item in items)
    }


_InTurn = (NoDecode, BeforeValidator(_split), Field(min_length=1))


class SimulatorSettings(BaseSettings):
    """A simulated ward; what is given as a list goes to the devices in turn."""

    model_config = SettingsConfigDict(env_prefix="HEARTWARD_SIMULATOR_", extra="ignore")
    title: ClassVar[str] = "simulated ward"

    devices: int = Field(
        12, ge=0, le=100_000, description="Wearables; 0 is one for each recording."
    )
    groups: Annotated[tuple[str, ...], *_InTurn] = Field(
        ("ward",), description="Topic groups, comma between."
    )
    device_prefix: str = Field(PREFIX, description="What device ids begin with.")
    seed: int = Field(
        1, ge=0, description="Two runs with one seed record the same sound, bit for bit."
    )
    repeat_boots: bool = Field(
        False,
        description="Draw the boot ids from the seed, too: what a second run sends is then taken "
        "for a repetition of the first. Otherwise each run has new ones, as at every power-up.",
    )
    rates_hz: Annotated[tuple[int, ...], *_InTurn] = Field(
        (2000,), description="Sampling rates, comma between."
    )
    chunk_s: Annotated[tuple[float, ...], *_InTurn] = Field(
        (1.0,), description="Lengths of a chunk in seconds, comma between."
    )
    encoding: Annotated[tuple[Encoding, ...], *_InTurn] = Field(
        ("pcm_s16le",), description="pcm_s16le or flac, comma between."
    )
    sound: Literal["recordings", "synthetic"] = Field(
        "recordings", description="Whether devices hear recordings or a synthetic heart."
    )
    recordings: Path = Field(PACKAGED, description="Folder of .wav and .flac files.")
    loop: bool = Field(
        True, description="Repeat a recording; otherwise each is sent once from its first sample."
    )
    faults: str = Field("none", description="Fault profile: none, gentle or rough.")
    fault_settings: Annotated[dict[str, float], NoDecode, BeforeValidator(_split_pairs)] = Field(
        {}, description="Single faults on top, as NAME=NUMBER, comma between."
    )
    connections: int = Field(
        0,
        ge=0,
        description="MQTT connections that share all devices, if the broker lets them write for "
        "all and read all acks; 0 is one for each device.",
    )
    power_up_s: float | None = Field(
        None,
        ge=0,
        description="Switch the devices on one after the other over so many seconds; by default "
        "over the length of a chunk.",
    )
    duration_s: float | None = Field(
        None, gt=0, description="Record for so long; without it, until told to end."
    )
    drain_s: float = Field(
        10.0, ge=0, description="At the end wait at most so long for acknowledgements."
    )
    report: Path | None = Field(
        None, description="JSON file for what was sent and acknowledged, kept up to date."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for rate_hz in self.rates_hz:
            if rate_hz not in SAMPLE_RATES_HZ:
                raise ValueError(f"sample rate {rate_hz} Hz is not one of {SAMPLE_RATES_HZ}")
        for length_s in self.chunk_s:
            if not MIN_CHUNK_S <= length_s <= MAX_CHUNK_S:
                raise ValueError(f"chunks of {length_s} s are not {MIN_CHUNK_S} to {MAX_CHUNK_S} s")
        largest = 2 * max(self.chunk_s) * max(self.rates_hz)
        if largest > MAX_SAMPLES_BYTES:
            raise ValueError(f"chunks of {largest:.0f} bytes are over {MAX_SAMPLES_BYTES}")
        for part in (*self.groups, f"{self.device_prefix}{self.devices}"):
            if not is_device_id(part):
                raise ValueError(f"{part!r} is not 1 to 64 characters from A-Z a-z 0-9 _ -")
        return self
