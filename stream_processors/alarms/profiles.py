"""Limits by ward and patient: a TOML file for the wards, the assignment for the patient.

In the file ``tachycardia_bpm = 130`` holds for all wards, the same under ``[ward.west]`` for one.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models.errors import ConfigurationError
from stream_processors.alarms.limits import (
    BUILT_IN,
    Limits,
    refuse_unknown_labels,
    with_profile,
)
from stream_processors.records import Assignment

_WARDS = "ward"
_MAX_BYTES = 1024 * 1024
_MOST_REMEMBERED = 10_000
_INSTALLED = "a model of one's own counts once HEARTWARD_WORKER_MODELS_DIR names its folder"


class Profiles:
    """Which limits hold for an assignment; a refused profile leaves the ward's in force."""

    def __init__(
        self, common: Limits = BUILT_IN, wards: Mapping[str, Limits] = MappingProxyType({})
    ) -> None:
        self._common = common
        self._wards = wards
        self._of: dict[str, tuple[Assignment, Limits, str | None]] = {}

    @property
    def common(self) -> Limits:
        """What holds for the pipeline, and for a device that nobody is assigned to."""
        return self._common

    def of(self, assignment: Assignment | None) -> tuple[Limits, str | None]:
        """The limits in force, and why the assignment's own are refused, if they are."""
        if assignment is None:
            return self._common, None
        known = self._of.get(assignment.assignment_id)
        if known is None or (known[0] is not assignment and known[0] != assignment):
            if len(self._of) >= _MOST_REMEMBERED:
                self._of.clear()
            known = self._of[assignment.assignment_id] = (assignment, *self._judge(assignment))
        return known[1], known[2]

    def _judge(self, assignment: Assignment) -> tuple[Limits, str | None]:
        ward = self._wards.get(assignment.ward, self._common)
        where = f"assignment {assignment.assignment_id}"
        try:
            return with_profile(ward, assignment.limits, where=where), None
        except ConfigurationError as error:
            return ward, f"{error}; the ward's limits hold"


def load_profiles(
    file: Path | None, *, labels: Mapping[str, tuple[str, ...]] | None = None
) -> Profiles:
    """Read the wards' limits; without a file those built in hold.

    Parameters
    ----------
    labels
        Of each installed model its labels (`models.registry.finding_labels`), where limits are to
        be held to those.

    Raises
    ------
    ConfigurationError
        In one line, naming the file, the limit, its value and what is allowed.
    """
    if file is None:
        return Profiles()
    table = _table(file)
    wards = table.pop(_WARDS, {})
    if not isinstance(wards, dict) or not all(isinstance(w, dict) for w in wards.values()):
        raise ConfigurationError(f"{file}: [{_WARDS}.NAME] is no table of limits")
    common = _profile(BUILT_IN, table, labels, where=str(file))
    return Profiles(
        common,
        {
            name: _profile(common, _flat(profile), labels, where=f"{file}, ward {name}")
            for name, profile in wards.items()
        },
    )


def _profile(
    base: Limits,
    profile: Mapping[str, Any],
    labels: Mapping[str, tuple[str, ...]] | None,
    *,
    where: str,
) -> Limits:
    if labels is not None:
        refuse_unknown_labels(profile, labels, where=where, installed=_INSTALLED)
    return with_profile(base, profile, where=where)


def _table(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_BYTES + 1)
        if len(text) > _MAX_BYTES:
            raise ConfigurationError(f"{file} is over {_MAX_BYTES} bytes: it is no file of limits")
        table = tomllib.loads(text.decode())
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is no TOML: {error}") from None
    wards = table.pop(_WARDS, None)
    flat = _flat(table)
    return flat if wards is None else flat | {_WARDS: wards}


def _flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested tables as names with slashes: [finding_probability.screen] abnormal = 0.7."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{above}{name}/")
        else:
            flat[f"{above}{name}"] = value
    return flat
