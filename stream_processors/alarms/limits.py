"""What a patient's alarms are held against: every number once, with its bounds and its default.

A profile is a flat mapping of these names to numbers, as it is inlined in an assignment; what it
does not name comes from the ward's profile, and what that does not name from here.
"""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from models.errors import ConfigurationError
from models.rhythm import LEAST_BPM, MOST_BPM
from stream_processors.records import Priority

OFF, LOW, MEDIUM, HIGH = 0, 1, 2, 3
PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high")

# finding_probability/MODEL/LABEL holds for one label of one model alone.
_OF_ONE_LABEL = "finding_probability/"
_HEALTHY = frozenset({"normal", "n"})
_MAX_SHOWN = 60
# A limit beyond which no rate is ever told would turn its alarm off and say nothing of it.
_BEYOND_BPM = 5.0


def _limit(default: float, low: float, high: float, what: str) -> Any:
    return field(default=float(default), metadata={"low": low, "high": high, "what": what})


def _count(default: int, what: str) -> Any:
    return field(default=default, metadata={"low": 1, "high": 240, "whole": True, "what": what})


def _priority(default: int, what: str) -> Any:
    return field(default=default, metadata={"low": OFF, "high": HIGH, "whole": True, "what": what})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """One complete profile. Priorities are 3 high, 2 medium, 1 low, 0 off.

    `..._k` of the last `..._n` good windows raise, `..._clear_k` of the last `..._clear_n` clear.
    """

    # Chosen by tests/benchmarks/alarm_study: of the rules in which two windows or more agree and by
    # which at most 5 % of normal people ever ring in ten minutes, and 10 % in noise, the one that
    # finds most within a minute.
    finding_probability: float = _limit(0.84, 0.05, 0.999, "an abnormal label raises from here on")
    finding_clear_probability: float = _limit(0.4, 0.01, 0.999, "and speaks against it below")
    finding_k: int = _count(4, "windows that raise")
    finding_n: int = _count(6, "of so many good ones")
    finding_clear_k: int = _count(3, "windows that clear")
    finding_clear_n: int = _count(4, "of so many good ones")
    finding_priority: int = _priority(MEDIUM, "of an abnormal finding")
    finding_probabilities: Mapping[str, float] = field(default_factory=dict)

    tachycardia_bpm: float = _limit(120, 60, MOST_BPM - _BEYOND_BPM, "a rate above raises")
    bradycardia_bpm: float = _limit(50, LEAST_BPM + _BEYOND_BPM, 120, "a rate below raises")
    rate_hysteresis_bpm: float = _limit(5, 0, 30, "a rate so far inside a limit clears")
    rate_confidence: float = _limit(0.5, 0, 1, "a rate of less confidence does not count")
    rate_k: int = _count(4, "windows that raise")
    rate_n: int = _count(6, "of so many good ones")
    rate_clear_k: int = _count(4, "windows that clear")
    rate_clear_n: int = _count(6, "of so many good ones")
    tachycardia_priority: int = _priority(MEDIUM, "of tachycardia")
    bradycardia_priority: int = _priority(MEDIUM, "of bradycardia")

    heart_lost_k: int = _count(4, "windows without heart sound that raise")
    heart_lost_n: int = _count(5, "of so many")
    heart_lost_clear_k: int = _count(3, "good windows that clear")
    heart_lost_clear_n: int = _count(4, "of so many")
    heart_lost_priority: int = _priority(HIGH, "of a heart sound lost although contact is good")

    poor_signal_k: int = _count(22, "windows that are not good raise")
    poor_signal_n: int = _count(24, "of so many")
    poor_signal_clear_k: int = _count(6, "good windows that clear")
    poor_signal_clear_n: int = _count(8, "of so many")
    poor_signal_priority: int = _priority(LOW, "of poor signal for long")

    offline_s: float = _limit(30, 10, 3600, "a device unheard for so long is offline")
    offline_priority: int = _priority(MEDIUM, "of a device that is offline")
    battery_fraction: float = _limit(0.15, 0.01, 0.9, "a battery below raises")
    battery_clear_fraction: float = _limit(0.2, 0.01, 1, "a battery above clears")
    battery_priority: int = _priority(LOW, "of a low battery")
    clock_off_s: float = _limit(5, 0.1, 86_400, "a clock that is further off raises")
    clock_clear_s: float = _limit(2.5, 0.05, 86_400, "a clock that is less far off clears")
    clock_priority: int = _priority(LOW, "of a clock that is off")

    late_s: float = _limit(30, 5, 3600, "older results never ring")
    pipeline_late_s: float = _limit(10, 1, 3600, "results so late raise")
    pipeline_late_clear_s: float = _limit(5, 0.5, 3600, "results less late clear")
    pipeline_late_priority: int = _priority(MEDIUM, "of a late pipeline")
    monitoring_lost_s: float = _limit(10, 4, 600, "a part unheard for so long is lost")
    monitoring_lost_priority: int = _priority(HIGH, "of monitoring lost")
    sink_down_s: float = _limit(10, 2, 3600, "a database away for so long raises")
    sink_down_priority: int = _priority(LOW, "of a sink that is down")
    limits_refused_priority: int = _priority(LOW, "of a profile that is refused")

    forget_s: float = _limit(120, 10, 3600, "without a good window for so long counting restarts")
    audio_pause_s: float = _limit(
        120, 10, 120, "an audio pause lasts at most; alarms escalate in it"
    )
    shelve_s: float = _limit(1800, 60, 86_400, "a shelf without an end lasts")
    shelve_most_s: float = _limit(28_800, 60, 86_400, "a shelf lasts at most")
    standby_s: float = _limit(1800, 60, 86_400, "a standby without an end lasts")
    standby_most_s: float = _limit(14_400, 60, 86_400, "a standby lasts at most")
    remind_high_s: float = _limit(180, 0, 86_400, "acknowledged high alarms ring again; 0 never")
    remind_medium_s: float = _limit(1800, 0, 86_400, "acknowledged medium alarms ring again")
    remind_low_s: float = _limit(0, 0, 86_400, "acknowledged low alarms ring again")
    escalate_high_s: float = _limit(60, 0, 86_400, "high alarms nobody answers escalate; 0 never")
    escalate_medium_s: float = _limit(300, 0, 86_400, "medium alarms nobody answers escalate")
    escalate_low_s: float = _limit(0, 0, 86_400, "low alarms nobody answers escalate")
    escalations: int = field(
        default=2,
        metadata={"low": 0, "high": 10, "whole": True, "what": "an alarm escalates so often"},
    )

    def probability_of(self, model: str, label: str) -> float:
        """From which probability on a label of a model raises."""
        return self.finding_probabilities.get(f"{model}/{label}", self.finding_probability)

    def remind_s(self, priority: Priority) -> float:
        return float(getattr(self, f"remind_{priority}_s"))

    def escalate_s(self, priority: Priority) -> float:
        return float(getattr(self, f"escalate_{priority}_s"))


_FIELDS = {f.name: f for f in fields(Limits) if f.metadata}
BUILT_IN = Limits()


def described() -> Iterator[tuple[str, float, float, float, str]]:
    """Name, default, lowest, highest and meaning of every limit."""
    for name, one in _FIELDS.items():
        meta = one.metadata
        yield name, getattr(BUILT_IN, name), meta["low"], meta["high"], meta["what"]


def with_profile(base: Limits, profile: Mapping[str, Any], *, where: str) -> Limits:
    """The base with a profile's numbers in their places.

    Parameters
    ----------
    where
        Whose profile it is, for the message: ``assignment a1``.

    Raises
    ------
    ConfigurationError
        In one line, naming the limit, its value and what is allowed.
    """
    if not profile:
        return base
    changes: dict[str, Any] = {}
    of_labels = dict(base.finding_probabilities)
    for name, value in profile.items():
        if name.startswith(_OF_ONE_LABEL):
            of_labels[_label(name, where)] = _checked(name, "finding_probability", value, where)
        else:
            changes[name] = _checked(name, name, value, where)
    limits = replace(base, finding_probabilities=of_labels, **changes)
    for problem in _contradictions(limits):
        raise ConfigurationError(f"limits of {where}: {problem}")
    return limits


def refuse_unknown_labels(
    names: Iterable[str], known: Mapping[str, tuple[str, ...]], *, where: str, installed: str = ""
) -> None:
    """See that limits of one label are of labels that the installed models have and that can ring.

    Parameters
    ----------
    known
        Of each model its labels; none where they are not listed, and then any may be named.
    installed
        How another model becomes an installed one, for whoever can do that.

    Raises
    ------
    ConfigurationError
        In one line, with the name and those that there are.
    """
    for name in names:
        if not name.startswith(_OF_ONE_LABEL):
            continue
        model, _, label = _label(name, where).partition("/")
        if label in known.get(model, ()) and not is_healthy(label):
            continue
        if model in known and not known[model]:
            continue
        there_are = [f"{m}/{lab}" for m, labels in known.items() for lab in labels or ("LABEL",)]
        abnormal = ", ".join(each for each in there_are if not is_healthy(each.partition("/")[2]))
        otherwise = f"; {installed}" if installed and model not in known else ""
        raise ConfigurationError(
            f"limits of {where}: {name[:_MAX_SHOWN]!r} is of no label that an installed model "
            f"raises: there are {abnormal or 'none'}{otherwise}"
        )


def is_healthy(label: str) -> bool:
    """Whether a label says that all is well; such a one raises nothing."""
    return label.lower() in _HEALTHY


def _label(name: str, where: str) -> str:
    model, _, label = name.removeprefix(_OF_ONE_LABEL).partition("/")
    if not model or not label:
        raise ConfigurationError(
            f"limits of {where}: {name[:_MAX_SHOWN]!r} is not {_OF_ONE_LABEL}MODEL/LABEL"
        )
    return f"{model}/{label}"


def _checked(name: str, field_name: str, value: Any, where: str) -> float | int:
    known = _FIELDS.get(field_name)
    if known is None:
        near = difflib.get_close_matches(name, _FIELDS, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise ConfigurationError(f"limits of {where}: there is no {name[:_MAX_SHOWN]!r}{hint}")
    low, high = known.metadata["low"], known.metadata["high"]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        shown = str(value)[:_MAX_SHOWN]
        raise ConfigurationError(f"limits of {where}: {name} {shown} is not in {low:g} to {high:g}")
    if not known.metadata.get("whole"):
        return float(value)
    if value != int(value):
        raise ConfigurationError(f"limits of {where}: {name} {value} is no whole number")
    return int(value)


def _contradictions(limits: Limits) -> Iterator[str]:
    for prefix in ("finding", "finding_clear", "rate", "rate_clear", "heart_lost"):
        yield from _more_than_all(limits, prefix)
    for prefix in ("heart_lost_clear", "poor_signal", "poor_signal_clear"):
        yield from _more_than_all(limits, prefix)
    ordered = (
        ("bradycardia_bpm", "tachycardia_bpm"),
        ("battery_fraction", "battery_clear_fraction"),
        ("clock_clear_s", "clock_off_s"),
        ("pipeline_late_clear_s", "pipeline_late_s"),
        ("shelve_s", "shelve_most_s"),
        ("standby_s", "standby_most_s"),
    )
    for lower, upper in ordered:
        low, high = getattr(limits, lower), getattr(limits, upper)
        if low > high:
            yield f"{lower} {low:g} is above {upper} {high:g}"
    room = limits.tachycardia_bpm - limits.bradycardia_bpm
    if room <= 2 * limits.rate_hysteresis_bpm:
        yield (
            f"bradycardia_bpm {limits.bradycardia_bpm:g} and tachycardia_bpm "
            f"{limits.tachycardia_bpm:g} leave no rate that clears both: they must be more than "
            f"{2 * limits.rate_hysteresis_bpm:g} apart"
        )
    lowest = min((limits.finding_probability, *limits.finding_probabilities.values()))
    if limits.finding_clear_probability > lowest:
        yield (
            f"finding_clear_probability {limits.finding_clear_probability:g} is above "
            f"finding_probability {lowest:g}"
        )


def _more_than_all(limits: Limits, prefix: str) -> Iterator[str]:
    k, n = getattr(limits, f"{prefix}_k"), getattr(limits, f"{prefix}_n")
    if k > n:
        yield f"{prefix}_k {k} is more than {prefix}_n {n}"
