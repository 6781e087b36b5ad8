"""How far the models of a ward have moved from what they were validated on, as points.

===============  =======================  =====================================================
measurement      tags                     fields
===============  =======================  =====================================================
`drift`          model version role       stability index of each probability, of the quality
                                          and of the embedding's distance, and its mean; share
                                          abstained, agreement of a shadow
===============  =======================  =====================================================

One point a model and interval, at the interval's beginning, out of all results of the interval:
the same log gives the same point.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

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

    values: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    windows: int = 0
    abstained: int = 0
    paired: int = 0
    agreed: int = 0


def drift_lines(
    results: Iterable[WindowResult], references: References, *, at_us: int
) -> list[str]:
    """One point for each model; a window that was published twice counts once, as last."""
    latest = {identity(result): result for result in results}
    heard: defaultdict[tuple[str, str, bool], _Heard] = defaultdict(_Heard)
    for result in latest.values():
        for finding in result.findings:
            _take(heard[finding.model, finding.version, finding.shadow], finding, result)
    return [
        _line(model, version, heard[model, version, shadow], references, at_us, shadow=shadow)
        for model, version, shadow in sorted(heard)
    ]


def _take(heard: _Heard, finding: Finding, result: WindowResult) -> None:
    heard.windows += 1
    heard.abstained += finding.abstained
    heard.values["quality_score"].append(result.quality.score)
    for label, probability in finding.probabilities.items():
        heard.values[f"{label}_probability"].append(probability)
    if finding.embedding_distance is not None:
        heard.values[DISTANCE].append(finding.embedding_distance)
    partner = _in_service(finding, result) if finding.shadow else None
    if partner is not None:
        heard.paired += 1
        heard.agreed += partner.label == finding.label


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


def _stability(heard: _Heard, reference: Mapping[str, Distribution]) -> Iterator[tuple[str, float]]:
    """The index of each quantity less what chance gives, and the worst of all."""
    indices = {}
    for name, values in heard.values.items():
        if name in reference:
            found = drift(reference[name], np.array(values))
            indices[f"psi_{name}"] = found.stability_index - found.by_chance
    yield from indices.items()
    if indices:
        yield "psi_worst", max(indices.values())
