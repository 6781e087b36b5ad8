"""What a front end is told: plain records that a recipe keeps in TOML and a contract in JSON.

Frames, bands and frequencies of the works in LITERATURE are values of these records, no code.
"""

import math
from typing import Literal, get_args

import msgspec

from models.errors import ConfigurationError

Level = Literal["log", "db", "db-of-max", "power", "magnitude"]
Normalisation = Literal["band-mean", "band-standard", "standard", "unit", "none"]


class _Frames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sound is cut: frames of `frame_samples` every `hop_samples`.

    `normalisation` is over the whole window: each band's mean removed, the same and all divided
    by their common deviation, zero mean and unit variance, 0 to 1, or none.
    """

    sample_rate_hz: int = 2000
    frame_samples: int = 128
    hop_samples: int = 50
    normalisation: Normalisation = "band-mean"

    def __post_init__(self) -> None:
        if min(self.sample_rate_hz, self.frame_samples, self.hop_samples) < 1:
            raise ConfigurationError(
                f"a frame of {self.frame_samples} samples every {self.hop_samples} at "
                f"{self.sample_rate_hz} Hz has no length: give positive numbers"
            )

    @property
    def features(self) -> int:
        """Rows of the picture, or inputs of one step of a recurrent net."""
        raise NotImplementedError

    def frames(self, samples: int) -> int:
        return 1 + (samples - self.frame_samples) // self.hop_samples


class _Spectrum(_Frames, frozen=True, kw_only=True):
    """A short-time spectrum under a Hann window.

    Attributes
    ----------
    level
        `log`: natural logarithm of power + `floor`; the floor is the power, for windows of RMS 1,
        below which silence counts as equally silent. `db`: decibels. `db-of-max`: decibels relative
        to the window's maximum, 80 at most. `power`, `magnitude`: no logarithm.
    centred
        True: frame k is centred at k hops and silence surrounds the window. False: whole frames.
    """

    low_hz: float = 25.0
    high_hz: float = 400.0
    level: Level = "log"
    floor: float = 1e-2
    centred: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate_hz / 2:
            raise ConfigurationError(
                f"bands from {self.low_hz:g} to {self.high_hz:g} Hz: give a range that rises "
                f"within 0 and {self.sample_rate_hz / 2:g} Hz, half the sample rate"
            )
        if self.floor <= 0:
            raise ConfigurationError(f"a floor of {self.floor:g} has no logarithm: give one over 0")

    def frames(self, samples: int) -> int:
        return super().frames(samples + 2 * self.padding)

    @property
    def padding(self) -> int:
        """Samples of silence before and after the window."""
        return self.frame_samples // 2 if self.centred else 0

    @property
    def bin_hz(self) -> float:
        return self.sample_rate_hz / self.frame_samples


class _Mel(_Spectrum, frozen=True, kw_only=True):
    bands: int = 24

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bands < 1:
            raise ConfigurationError(f"{self.bands} mel bands: give at least 1")


class LogMelConfig(_Mel, frozen=True, kw_only=True, tag_field="kind", tag="log-mel"):
    """Triangular bands, evenly spaced on Slaney's mel scale, which is linear below 1 kHz."""

    @property
    def features(self) -> int:
        return self.bands


class SpectrogramConfig(_Spectrum, frozen=True, kw_only=True, tag_field="kind", tag="spectrogram"):
    """The bins of the DFT from `low_hz` to `high_hz`, both included."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features < 1:
            raise ConfigurationError(
                f"no bin of a {self.frame_samples}-sample frame lies from {self.low_hz:g} to "
                f"{self.high_hz:g} Hz: they are {self.bin_hz:g} Hz apart"
            )

    @property
    def features(self) -> int:
        return len(self.bins)

    @property
    def bins(self) -> range:
        return range(
            math.ceil(self.low_hz / self.bin_hz), math.floor(self.high_hz / self.bin_hz) + 1
        )


class MfccConfig(_Mel, frozen=True, kw_only=True, tag_field="kind", tag="mfcc"):
    """The first coefficients of the orthonormal DCT-II over the bands' levels."""

    coefficients: int = 13

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.coefficients <= self.bands:
            raise ConfigurationError(
                f"{self.coefficients} coefficients of {self.bands} bands: "
                f"give from 1 to {self.bands}"
            )

    @property
    def features(self) -> int:
        return self.coefficients


class RawFramesConfig(_Frames, frozen=True, kw_only=True, tag_field="kind", tag="raw-frames"):
    """The waveform itself, frame by frame: for recurrent nets."""

    frame_samples: int = 50
    normalisation: Normalisation = "none"

    @property
    def features(self) -> int:
        return self.frame_samples


FrontEndConfig = LogMelConfig | SpectrogramConfig | MfccConfig | RawFramesConfig


def to_toml(config: FrontEndConfig) -> str:
    """One line per field: all are numbers, words and truth values, which JSON and TOML share."""
    fields = msgspec.to_builtins(config)
    return "".join(
        f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in fields.items()
    )


def from_toml(text: str) -> FrontEndConfig:
    """Read a front end; `kind` says which.

    Raises
    ------
    ConfigurationError
        If a field is unknown or wrong; the message names it.
    """
    try:
        config: FrontEndConfig = msgspec.toml.decode(text, type=FrontEndConfig)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"the front end is not readable: {error}") from None
    return config


def kind(config: FrontEndConfig) -> str:
    """The word for it in recipes and messages."""
    return str(type(config).__struct_config__.tag)


KINDS = tuple(str(member.__struct_config__.tag) for member in get_args(FrontEndConfig))
