"""Observations as FHIR R4 has them."""

import re
from typing import Any

import numpy as np
import pytest

from dashboards.console.fhir.observations import observations
from dashboards.console.live.room import Room
from dashboards.console.people.access import Role
from models.rhythm import Heart
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import fill

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")


def _by_code(**given: Any) -> dict[str, dict[str, Any]]:
    made = observations(examples.result(**given))
    return {one["code"]["coding"][0]["code"]: one for one in made}


def test_every_observation_has_what_r4_requires() -> None:
    for one in observations(examples.result()):
        assert one["resourceType"] == "Observation"
        assert _ID.fullmatch(one["id"])
        assert one["status"] == "preliminary"
        assert _INSTANT.fullmatch(one["effectivePeriod"]["start"])
        assert one["subject"]["identifier"]["value"] == "p-west-1"


def test_the_heart_rate_has_its_loinc_code_and_ucum_unit() -> None:
    rate = _by_code()["8867-4"]
    assert rate["code"]["coding"][0]["system"] == "http://loinc.org"
    assert rate["valueQuantity"] == {
        "value": 72.4,
        "unit": "beats/minute",
        "system": "http://unitsofmeasure.org",
        "code": "/min",
    }


def test_without_a_rate_there_is_no_observation_of_it() -> None:
    assert "8867-4" not in _by_code(heart=None)
    assert "8867-4" in _by_code(heart=Heart(rate_bpm=50, confidence=1))


def test_sampled_data_gives_back_the_strip() -> None:
    result = examples.result()
    data = _by_code()["heart-sound"]["valueSampledData"]
    samples = np.array([int(word) for word in data["data"].split()])
    assert data["period"] == 2.0
    stored = np.frombuffer(result.strip.samples, "<i2")
    np.testing.assert_array_equal(samples, stored)
    assert samples.max() * data["factor"] == pytest.approx(
        stored.max() / 32767 * result.strip.full_scale
    )


@pytest.mark.django_db
def test_a_search_finds_by_device_and_code(room: Room, program_of: ClientOf) -> None:
    fill(room, ("west", 1), ("west", 2))
    program = program_of(Role.VIEWER, "west")
    bundle = program.get("/fhir/Observation?device=dev-west-2&code=8867-4").json()
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", 1)
    resource = bundle["entry"][0]["resource"]
    assert resource["device"]["identifier"]["value"] == "dev-west-2"
    one = program.get(f"/fhir/Observation/{resource['id']}")
    assert one.json() == resource
    assert one.headers["Content-Type"].startswith("application/fhir+json")
    assert program.get("/fhir/metadata").json()["fhirVersion"] == "4.0.1"
