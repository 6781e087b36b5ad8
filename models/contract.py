"""What a model artifact promises, and the one grid on which the pipeline cuts sound.

A contract travels inside the ONNX file as its ``metadata_props``: whoever has the file knows what
to feed it, what its answers mean and where it comes from.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from models.errors import ModelError, SignalError

CONTRACT_VERSION = 1

DISTANCE = "embedding_distance"
"""Of a window from what a model was validated on: an output it may have, and a reference."""

_NEARLY_WHOLE = 1e-6  # samples: 0.29 s at 100 Hz are 28.999999999999996
_WINDOW_S = (0.1, 600.0)  # of a contract: the least whose quality can be judged, and sense
_HIGHEST_ORDER = 30  # of a filter: far beyond use, and below where its numbers overflow

# What sound may come in, on the wire and in files: the grid counts whole samples in all of them.
SAMPLE_RATES_HZ = (1000, 2000, 4000, 8000, 16000, 44100, 48000)


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Windows of `window_s` every `hop_s`; every hop is filtered from `preroll_s` before it.

    All three are whole numbers of samples at `sample_rate_hz`, so that positions never drift, and
    a window is two neighbouring hops.

    Raises
    ------
    SignalError
        If the rate does not divide the grid into whole samples.
    """

    sample_rate_hz: int
    window_s: float
    hop_s: float
    preroll_s: float

    def __post_init__(self) -> None:
        if self.sample_rate_hz <= 0 or self.hop_s <= 0 or self.preroll_s < 0:
            raise SignalError(f"{self} has no length")
        if self.window_s != 2 * self.hop_s:
            raise SignalError(f"a window of {self.window_s} s is not two hops of {self.hop_s} s")
        for duration_s in (self.hop_s, self.preroll_s):
            if not (duration_s * self.sample_rate_hz).is_integer():
                raise SignalError(
                    f"{duration_s} s is not a whole number of samples at {self.sample_rate_hz} Hz"
                )

    @property
    def window_samples(self) -> int:
        return 2 * self.hop_samples

    @property
    def hop_samples(self) -> int:
        return int(self.hop_s * self.sample_rate_hz)

    @property
    def preroll_samples(self) -> int:
        return int(self.preroll_s * self.sample_rate_hz)

    def at(self, sample_rate_hz: int) -> "Grid":
        """The same grid counted in samples of another rate, for instance a device's own."""
        return msgspec.structs.replace(self, sample_rate_hz=sample_rate_hz)


PIPELINE_GRID = Grid(sample_rate_hz=2000, window_s=5.0, hop_s=2.5, preroll_s=0.5)


class FilterSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Butterworth band-pass whose edges are at -3 dB, applied once and forwards; or none."""

    kind: Literal["bandpass", "none"]
    low_hz: float = 0.0
    high_hz: float = 0.0
    order: int = 0

    def fault(self, sample_rate_hz: int) -> str | None:
        """Why it cannot be applied at this rate, if so."""
        if self.kind == "none" or (
            1 <= self.order <= _HIGHEST_ORDER
            and 0 < self.low_hz < self.high_hz < sample_rate_hz / 2
        ):
            return None
        return f"its {self} cannot be made at {sample_rate_hz} Hz"

    def __str__(self) -> str:
        if self.kind == "none":
            return "no filter"
        return f"band-pass {self.low_hz:g}-{self.high_hz:g} Hz of order {self.order}"


PIPELINE_FILTER = FilterSpec(kind="bandpass", low_hz=25.0, high_hz=400.0, order=5)


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """Each window is brought to `target` by its RMS or its peak, then clipped to ±`clip`."""

    kind: Literal["rms", "peak", "none"]
    target: float = 1.0
    clip: float = 10.0

    def fault(self) -> str | None:
        """Why no sound can be scaled so, if so."""
        for name, value in (("target", self.target), ("clip", self.clip)):
            if not 0 < value < math.inf:
                return f"its scaling has a {name} of {value:g}, which is not above 0"
        return None


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A measured figure with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """False where it could not be counted: an AUC of one label, for one."""
        return all(map(math.isfinite, (self.value, self.low, self.high)))


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Deciles 0 to 100 % of a quantity on the validation set: what drift is judged against."""

    deciles: tuple[float, ...]


class ModelContract(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an artifact says of itself.

    Attributes
    ----------
    exclusive
        True: the probabilities of one window add up to 1 (softmax). False: several labels may
        concur (one sigmoid each).
    training_data, training_data_sha256
        Name of the data and the hash of the manifest that lists them.
    split, split_sha256
        File that says which recording was trained on, and its hash.
    metrics
        Measured on recordings never trained on; names as `heartward evaluate` prints them.
    reference
        Distributions on the validation set, by quantity.

    Raises
    ------
    ModelError
        If no sound could be cut and filtered as it says.
    """

    contract: int = CONTRACT_VERSION
    name: str
    version: str
    task: str
    labels: tuple[str, ...]
    exclusive: bool
    sample_rate_hz: int
    window_s: float
    hop_s: float
    filter: FilterSpec
    scaling: Scaling
    opset: int
    training_data: str
    training_data_sha256: str
    split: str
    split_sha256: str
    git_commit: str
    metrics: dict[str, Metric]
    reference: dict[str, Distribution]
    intended_use: str
    licence: str

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault is not None:
            raise ModelError(f"model {self.name} {self.version} cannot be used: {fault}")

    @property
    def window_samples(self) -> int:
        return round(self.window_s * self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        return round(self.hop_s * self.sample_rate_hz)

    def to_metadata(self) -> dict[str, str]:
        """One string per field, as ONNX ``metadata_props`` keep them; the rest is JSON."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return {
            key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for key, value in fields.items()
        }

    @classmethod
    def from_metadata(cls, properties: Mapping[str, str]) -> "ModelContract":
        """Read what `to_metadata` wrote.

        Raises
        ------
        ModelError
            If a field is missing or wrong; the message names it.
        """
        try:
            fields = {
                field.name: _value(field.name, properties[field.name], field.type)
                for field in msgspec.structs.fields(cls)
            }
        except KeyError as error:
            raise ModelError(f"the model's metadata lack {error}: export it again") from None
        if fields["contract"] != CONTRACT_VERSION:
            raise ModelError(
                f"the model has contract version {fields['contract']}, "
                f"this program reads {CONTRACT_VERSION}"
            )
        return cls(**fields)

    def fits(self, grid: Grid, filtered: FilterSpec) -> bool:
        """Whether it can take the windows that are cut and filtered so."""
        wanted = (self.sample_rate_hz, self.window_s, self.hop_s, self.filter)
        return wanted == (grid.sample_rate_hz, grid.window_s, grid.hop_s, filtered)

    def require_fit(self, grid: Grid, filtered: FilterSpec) -> None:
        """Raise `ModelError`, in one sentence, when the pipeline's windows do not fit."""
        if not self.fits(grid, filtered):
            wanted = _describe(self.sample_rate_hz, self.window_s, self.hop_s, self.filter)
            given = _describe(grid.sample_rate_hz, grid.window_s, grid.hop_s, filtered)
            raise ModelError(
                f"model {self.name} {self.version} wants {wanted}, the pipeline gives {given}: "
                f"run it on files with `heartward classify --model {self.name}-{self.version}`, "
                "or train it for the pipeline's grid"
            )

    def _fault(self) -> str | None:
        if not self.labels:
            return "it has no labels"
        if not all(self.labels) or len({*self.labels}) < len(self.labels):
            return f"its labels {', '.join(map(repr, self.labels))} are not told apart"
        if not 0 < self.sample_rate_hz <= max(SAMPLE_RATES_HZ):
            return f"a rate of {self.sample_rate_hz} Hz is not 1 to {max(SAMPLE_RATES_HZ)}"
        if not _WINDOW_S[0] <= self.window_s <= _WINDOW_S[1]:
            return f"a window of {self.window_s:g} s is not {_WINDOW_S[0]:g} to {_WINDOW_S[1]:g} s"
        for length_s in (self.window_s, self.hop_s):
            samples = length_s * self.sample_rate_hz
            if round(samples) < 1 or abs(samples - round(samples)) > _NEARLY_WHOLE:
                return (
                    f"{length_s:g} s is not a whole number of samples at {self.sample_rate_hz} Hz"
                )
        return self.filter.fault(self.sample_rate_hz) or self.scaling.fault()


def _value(name: str, text: str, kind: Any) -> Any:
    if kind is str:
        return text
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise ModelError(f"the model's metadata {name} are not readable: {error}") from None


def _describe(sample_rate_hz: int, window_s: float, hop_s: float, filtered: FilterSpec) -> str:
    return f"{window_s:g} s every {hop_s:g} s at {sample_rate_hz} Hz with {filtered}"
