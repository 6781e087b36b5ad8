"""A window's result as FHIR R4 Observations; pure.

Heart rate is LOINC 8867-4, a vital sign. For what a model finds and for signal quality no code
fits, so they have codes of this project's own system, and are of the category exam. The strip is
SampledData of the window's new sound alone, so its time is that part's.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

import numpy as np

from dashboards.console.live.strips import strip_lead_s
from stream_processors.records import Finding, WindowResult

SYSTEM = "https://heartward.dev/fhir/codes"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_UNITS = "http://unitsofmeasure.org"
KINDS = ("rate", "finding", "quality", "strip")
DISCLAIMER = "Research software, not a medical device."
PSEUDONYM, DEVICE = f"{SYSTEM}/pseudonym", f"{SYSTEM}/device"
_MOST_DIGITS = 6
_MOST_CHARACTERS = 64


def observation_id(device_id: str, boot_id: int, window_index: int, kind: str) -> str:
    """FHIR allows no underscores, and 64 characters: a long device id is told by its hash."""
    rest = f"-{boot_id}-{window_index}-{kind}"
    device = device_id.replace("_", ".")
    if len(device) + len(rest) > _MOST_CHARACTERS:
        device = hashlib.sha256(device_id.encode()).hexdigest()[:24]
    return f"{device}{rest}"


def observations(result: WindowResult) -> list[dict[str, Any]]:
    """All that a window says, one Observation each; `with_sound` makes that of the sound whole."""
    made = [_quality(result), _strip(result)]
    finding = next((f for f in result.findings if not f.shadow), None)
    if finding is not None:
        made.insert(0, _finding(result, finding))
    if result.heart is not None:
        made.insert(0, _rate(result, result.heart.rate_bpm))
    return made


def with_sound(observation: dict[str, Any], result: WindowResult) -> dict[str, Any]:
    """The same with the samples of its sound, if it is about that.

    They are written out only for what is sent: it takes longer than all else together.
    """
    if "valueSampledData" not in observation:
        return observation
    samples = np.frombuffer(result.strip.samples, "<i2")
    data = {"data": " ".join(map(str, samples.tolist()))}
    return observation | {"valueSampledData": observation["valueSampledData"] | data}


def _common(
    result: WindowResult, kind: str, code: dict[str, str], *, category: str = "exam"
) -> dict[str, Any]:
    made = {
        "resourceType": "Observation",
        "id": observation_id(result.device_id, result.boot_id, result.window_index, kind),
        "status": "preliminary",  # nobody has looked at it
        "category": [{"coding": [{"system": _CATEGORY, "code": category}]}],
        "code": {"coding": [code], "text": code["display"]},
        "device": {
            "type": "Device",
            "identifier": {"system": DEVICE, "value": result.device_id},
        },
        "effectivePeriod": _period(result),
        "note": [{"text": DISCLAIMER}],
    }
    if result.patient_id is not None:
        subject = {"system": PSEUDONYM, "value": result.patient_id}
        made["subject"] = {"type": "Patient", "identifier": subject}
    return made


def _period(result: WindowResult, from_s: float = 0.0) -> dict[str, str]:
    """From so long after the window's begin to its end."""
    start_us, end_us = (result.start_us + s * 1e6 for s in (from_s, result.window_s))
    return {"start": _instant(start_us), "end": _instant(end_us)}


def _rate(result: WindowResult, rate_bpm: float) -> dict[str, Any]:
    code = {"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}
    value = {
        "value": round(rate_bpm, 1),
        "unit": "beats/minute",
        "system": _UNITS,
        "code": "/min",
    }
    return _common(result, "rate", code, category="vital-signs") | {"valueQuantity": value}


def _finding(result: WindowResult, finding: Finding) -> dict[str, Any]:
    code = {"system": SYSTEM, "code": "heart-sound-finding", "display": "Heart sound finding"}
    made = _common(result, "finding", code)
    made["method"] = {"text": f"{finding.model} {finding.version}"}
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
    code = {"system": SYSTEM, "code": "signal-quality", "display": "Signal quality"}
    value = {"value": round(result.quality.score, 3), "unit": "1", "system": _UNITS, "code": "1"}
    made = _common(result, "quality", code) | {"valueQuantity": value}
    made["interpretation"] = [{"text": result.quality.verdict}]
    return made


def _strip(result: WindowResult) -> dict[str, Any]:
    code = {"system": SYSTEM, "code": "heart-sound", "display": "Filtered heart sound"}
    made = _common(result, "strip", code)
    made["effectivePeriod"] = _period(result, strip_lead_s(result))
    made["valueSampledData"] = {
        "origin": {"value": 0, "unit": "1", "system": _UNITS, "code": "1"},
        "period": round(1000 / result.strip.sample_rate_hz, _MOST_DIGITS),
        "factor": result.strip.full_scale / 32767,
        "dimensions": 1,
    }
    return made


def _instant(at_us: float) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds")
