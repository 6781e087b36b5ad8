"""How far the models of a ward have moved from what they were validated on, as points.

===============  =======================  =====================================================
measurement      tags                     fields
===============  =======================  =====================================================
`drift`          model version role       stability index of each probability, of the quality
                                          and of the embedding's distance, and its mean; whether
                                          one has drifted; share abstained, agreement of a shadow
===============  =======================  =====================================================

One point a model and interval, at the interval's beginning, out of all results of the interval:
the same log gives the same point. An hour of a thousand beds is more than memory holds, so of each
result only its few numbers are kept.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

from models.contract import DISTANCE, Distribution
from models.drift import drift
from stream_processors.line_protocol import Field, point
from stream_processors.records import Finding, WindowResult, identity

DRIFT = "drift"

References = Mapping[str, Mapping[str, Distribution]]
"""By model and version, as ``screen 0.1.0``, then by quantity."""


@dataclass
class _Heard:
    """What one model said in an interval."""

    values: "defaultdict[str, array[float]]" = field(
        default_factory=lambda: defaultdict(lambda: array("d"))
    )
    windows: int = 0
    abstained: int = 0
    paired: int = 0
    agreed: int = 0

    def take(self, finding: Finding, result: WindowResult) -> None:
        self.windows += 1
        self.abstained += finding.abstained
        self.values["quality_score"].append(result.quality.score)
        for label, probability in finding.probabilities.items():
            self.values[f"{label}_probability"].append(probability)
        if finding.embedding_distance is not None:
            self.values[DISTANCE].append(finding.embedding_distance)
        partner = _in_service(finding, result) if finding.shadow else None
        if partner is not None:
            self.paired += 1
            self.agreed += partner.label == finding.label


class DriftInterval:
    """What all models of a ward said in an interval."""

    def __init__(self) -> None:
        self.windows = 0
        self._heard: defaultdict[tuple[str, str, bool], _Heard] = defaultdict(_Heard)
        self._known: defaultdict[tuple[str, int], set[int]] = defaultdict(set)

    @property
    def models(self) -> set[str]:
        """Each as `References` names it."""
        return {f"{model} {version}" for model, version, _ in self._heard}

    def take(self, result: WindowResult) -> None:
        """Count a result; a window that is published twice counts once, as first."""
        device_id, boot_id, window_index = identity(result)
        known = self._known[device_id, boot_id]
        if window_index in known:
            return
        known.add(window_index)
        self.windows += 1
        for finding in result.findings:
            self._heard[finding.model, finding.version, finding.shadow].take(finding, result)

    def lines(self, references: References, *, at_us: int) -> list[str]:
        """One point for each model."""
        return [
            _line(model, version, heard, references, at_us, shadow=shadow)
            for (model, version, shadow), heard in sorted(self._heard.items(), key=itemgetter(0))
        ]


def _in_service(shadow: Finding, result: WindowResult) -> Finding | None:
    alike = (
        finding
        for finding in result.findings
        if not finding.shadow and finding.probabilities.keys() == shadow.probabilities.keys()
    )
    return next(alike, None)


def _line(
    model: str, version: str, heard: _Heard, references: References, at_us: int, *, shadow: bool
) -> str:
    reference = references.get(f"{model} {version}", {})
    fields: dict[str, Field] = {
        "windows": heard.windows,
        "abstained_share": heard.abstained / heard.windows,
        "agreement": heard.agreed / heard.paired if heard.paired else None,
        DISTANCE: float(np.mean(heard.values[DISTANCE])) if DISTANCE in heard.values else None,
    }
    fields |= dict(_stability(heard, reference))
    role = "shadow" if shadow else "active"
    return point(DRIFT, {"model": model, "version": version, "role": role}, fields, at_us)


def _stability(heard: _Heard, reference: Mapping[str, Distribution]) -> Iterator[tuple[str, Field]]:
    """The index of each quantity less what chance gives, the worst of all, and whether that tells.

    Of few windows it does not: chance moves their index far.
    """
    found = {
        name: drift(reference[name], np.array(values))
        for name, values in heard.values.items()
        if name in reference
    }
    indices = {name: each.stability_index - each.by_chance for name, each in found.items()}
    yield from ((f"psi_{name}", index) for name, index in indices.items())
    if indices:
        yield "psi_worst", max(indices.values())
        yield "drifted", int(any(each.verdict == "drifted" for each in found.values()))
