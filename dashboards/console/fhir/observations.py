"""A window's result as FHIR R4 Observations; pure.

Heart rate is LOINC 8867-4, a vital sign. For what a model finds and for signal quality no code
fits, so they have codes of this project's own system, and are of the category exam. The strip is
SampledData of the window's new sound alone, so its time is that part's.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from dashboards.console.live.strips import strip_lead_s
from stream_processors.records import Finding, WindowResult

SYSTEM = "https://heartward.dev/fhir/codes"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_UNITS = "http://unitsofmeasure.org"
DISCLAIMER = "Research software, not a medical device."
PSEUDONYM, DEVICE = f"{SYSTEM}/pseudonym", f"{SYSTEM}/device"
_MOST_DIGITS = 6
_MOST_CHARACTERS = 64
_CODES = {
    "rate": {"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"},
    "finding": {"system": SYSTEM, "code": "heart-sound-finding", "display": "Heart sound finding"},
    "quality": {"system": SYSTEM, "code": "signal-quality", "display": "Signal quality"},
    "strip": {"system": SYSTEM, "code": "heart-sound", "display": "Filtered heart sound"},
}
STATUS = "preliminary"  # nobody has looked at it


class Heading(NamedTuple):
    """What an Observation is about: enough to find it by, without making it.

    A ward has ten thousand at a time, of which a page shows a hundred.
    """

    result: WindowResult
    kind: str

    @property
    def id(self) -> str:
        result = self.result
        return observation_id(result.device_id, result.boot_id, result.window_index, self.kind)

    @property
    def code(self) -> dict[str, str]:
        return _CODES[self.kind]

    @property
    def category(self) -> dict[str, str]:
        code = "vital-signs" if self.kind == "rate" else "exam"
        return {"system": _CATEGORY, "code": code}

    @property
    def period(self) -> tuple[datetime, datetime]:
        """Of the whole window; of its sound, of what is new in it."""
        result = self.result
        lead_s = strip_lead_s(result) if self.kind == "strip" else 0.0
        begin_us, end_us = (result.start_us + s * 1e6 for s in (lead_s, result.window_s))
        return _instant(begin_us), _instant(end_us)


def headings(result: WindowResult) -> list[Heading]:
    """All that a window says, one Observation each."""
    said = ["quality", "strip"]
    if _finding_of(result) is not None:
        said.insert(0, "finding")
    if result.heart is not None:
        said.insert(0, "rate")
    return [Heading(result, kind) for kind in said]


def observation(heading: Heading) -> dict[str, Any]:
    """The Observation itself, its sound included."""
    values = {"rate": _rate, "finding": _finding, "quality": _quality, "strip": _strip}
    return _common(heading) | values[heading.kind](heading.result)


def observation_id(device_id: str, boot_id: int, window_index: int, kind: str) -> str:
    """FHIR allows no underscores, and 64 characters: a long device id is told by its hash."""
    rest = f"-{boot_id}-{window_index}-{kind}"
    device = device_id.replace("_", ".")
    if len(device) + len(rest) > _MOST_CHARACTERS:
        device = hashlib.sha256(device_id.encode()).hexdigest()[:24]
    return f"{device}{rest}"


def _common(heading: Heading) -> dict[str, Any]:
    result, code = heading.result, heading.code
    begin, end = heading.period
    made = {
        "resourceType": "Observation",
        "id": heading.id,
        "status": STATUS,
        "category": [{"coding": [heading.category]}],
        "code": {"coding": [code], "text": code["display"]},
        "device": {
            "type": "Device",
            "identifier": {"system": DEVICE, "value": result.device_id},
        },
        "effectivePeriod": {"start": _written(begin), "end": _written(end)},
        "note": [{"text": DISCLAIMER}],
    }
    if result.patient_id is not None:
        subject = {"system": PSEUDONYM, "value": result.patient_id}
        made["subject"] = {"type": "Patient", "identifier": subject}
    return made


def _rate(result: WindowResult) -> dict[str, Any]:
    if result.heart is None:
        raise ValueError("a window without a rate has no heading for one")
    value = {
        "value": round(result.heart.rate_bpm, 1),
        "unit": "beats/minute",
        "system": _UNITS,
        "code": "/min",
    }
    return {"valueQuantity": value}


def _finding_of(result: WindowResult) -> Finding | None:
    return next((finding for finding in result.findings if not finding.shadow), None)


def _finding(result: WindowResult) -> dict[str, Any]:
    finding = _finding_of(result)
    if finding is None:
        raise ValueError("a window without a finding has no heading for one")
    made: dict[str, Any] = {"method": {"text": f"{finding.model} {finding.version}"}}
    if finding.abstained:
        reason = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
        made["dataAbsentReason"] = {"coding": [{"system": reason, "code": "not-performed"}]}
        return made
    label = {"system": f"{SYSTEM}/label", "code": finding.label, "display": finding.label}
    made["valueCodeableConcept"] = {"coding": [label], "text": finding.label}
    made["component"] = [
        {
            "code": {"coding": [{"system": f"{SYSTEM}/label", "code": name}]},
            "valueQuantity": {"value": round(p, 4), "unit": "1", "system": _UNITS, "code": "1"},
        }
        for name, p in sorted(finding.probabilities.items())
    ]
    return made


def _quality(result: WindowResult) -> dict[str, Any]:
    value = {"value": round(result.quality.score, 3), "unit": "1", "system": _UNITS, "code": "1"}
    return {"valueQuantity": value, "interpretation": [{"text": result.quality.verdict}]}


def _strip(result: WindowResult) -> dict[str, Any]:
    samples = np.frombuffer(result.strip.samples, "<i2")
    data = {
        "origin": {"value": 0, "unit": "1", "system": _UNITS, "code": "1"},
        "period": round(1000 / result.strip.sample_rate_hz, _MOST_DIGITS),
        "factor": result.strip.full_scale / 32767,
        "dimensions": 1,
        "data": " ".join(map(str, samples.tolist())),
    }
    return {"valueSampledData": data}


def _instant(at_us: float) -> datetime:
    """To the millisecond, as it is written."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
