"""The literature's own figures, from a committed table, to stand beside ours."""

from functools import cache
from pathlib import Path

import msgspec

from training import splits

_TABLE = Path(__file__).with_name("literature.toml")
METRICS = ("accuracy", "uar", "macro_f1", "sensitivity", "specificity", "f1")


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure as printed: up to `high` where a range is given; deviation over n.s. repeats."""

    value: float
    high: float | None = None
    deviation: float | None = None

    def __str__(self) -> str:
        if self.high is not None:
            return f"{self.value:.2f} to {self.high:.2f}"
        if self.deviation is not None:
            return f"{self.value:.3f} ± {self.deviation:.3f}"
        return f"{self.value:.3f}"

    @property
    def middle(self) -> float:
        return (self.value + (self.value if self.high is None else self.high)) / 2


class Work(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A paper, report or README; caveats are ours."""

    letter: str
    title: str
    by: str
    caveats: tuple[str, ...]


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of a work's table.

    Attributes
    ----------
    architecture
        Its name here (`training.architectures.registry`).
    protocol
        Our split that is nearest to the work's.
    expected
        The author's expectation, not a measurement.
    latency_ms
        By size of batch.
    """

    work: str
    model: str
    architecture: str
    front_end: str
    data_set: str
    protocol: str
    expected: bool = False
    accuracy: Published | None = None
    uar: Published | None = None
    macro_f1: Published | None = None
    sensitivity: Published | None = None
    specificity: Published | None = None
    f1: Published | None = None
    parameters_m: float | None = None
    size_mb: float | None = None
    int8_mb: float | None = None
    latency_ms: dict[str, float] = {}
    memory_mb: float | None = None

    @property
    def leaks(self) -> bool:
        return splits.protocol_named(self.protocol).leaks

    def figure(self, name: str) -> Published | None:
        found: Published | None = getattr(self, name, None)
        return found


class Literature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    work: tuple[Work, ...]
    result: tuple[Result, ...]


@cache
def literature() -> Literature:
    return msgspec.toml.decode(_TABLE.read_bytes(), type=Literature)
