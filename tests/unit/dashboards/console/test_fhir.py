"""Observations as FHIR R4 has them, and how they are found."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from django.test import Client

from dashboards.console.audit.models import AuditEntry
from dashboards.console.fhir import views
from dashboards.console.fhir.observations import Heading, headings, observation
from dashboards.console.live.room import Room
from dashboards.console.people.access import Role
from models.rhythm import Heart
from stream_processors.records import Finding, WindowResult, encode
from stream_processors.topics import RESULTS
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import HOP_US, NOW_US, fill

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
_LOINC = "http://loinc.org"


def observations(result: WindowResult) -> list[dict[str, Any]]:
    return list(map(observation, headings(result)))


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
        assert one["subject"]["type"] == "Patient"
        values = [name for name in one if name.startswith("value")]
        assert len(values) + ("dataAbsentReason" in one) == 1


def test_the_heart_rate_has_its_loinc_code_and_ucum_unit_and_is_a_vital_sign() -> None:
    rate = _by_code()["8867-4"]
    assert rate["code"]["coding"][0]["system"] == _LOINC
    assert rate["category"][0]["coding"][0]["code"] == "vital-signs"
    assert rate["valueQuantity"] == {
        "value": 72.4,
        "unit": "beats/minute",
        "system": "http://unitsofmeasure.org",
        "code": "/min",
    }
    others = [one for code, one in _by_code().items() if code != "8867-4"]
    assert {one["category"][0]["coding"][0]["code"] for one in others} == {"exam"}


def test_without_a_rate_there_is_no_observation_of_it() -> None:
    assert "8867-4" not in _by_code(heart=None)
    assert "8867-4" in _by_code(heart=Heart(rate_bpm=50, confidence=1))


def test_what_nobody_wears_is_of_nobody() -> None:
    assert not any("subject" in one for one in observations(examples.result(patient_id=None)))


def test_a_long_device_id_makes_no_longer_id_than_r4_allows_and_no_other_ones() -> None:
    ids = [
        one["id"]
        for end in ("a", "b")
        for one in observations(
            examples.result(device_id="d" * 63 + end, boot_id=2**32 - 1, index=2**31)
        )
    ]
    assert all(_ID.fullmatch(ident) for ident in ids)
    assert len(set(ids)) == 8


def test_what_a_model_would_not_say_is_absent_for_a_reason() -> None:
    silent = Finding(
        model="screen",
        version="1",
        label="normal",
        probability=0.5,
        probabilities={},
        abstained=True,
    )
    finding = _by_code(findings=(silent,))["heart-sound-finding"]
    assert "valueCodeableConcept" not in finding
    assert finding["dataAbsentReason"]["coding"][0]["code"] == "not-performed"


def test_sampled_data_gives_back_the_strip_at_its_own_time() -> None:
    result = examples.result()
    strip = _by_code()["heart-sound"]
    data = strip["valueSampledData"]
    samples = np.array([int(word) for word in data["data"].split()])
    assert data["period"] == 2.0
    stored = np.frombuffer(result.strip.samples, "<i2")
    np.testing.assert_array_equal(samples, stored)
    assert samples.max() * data["factor"] == pytest.approx(
        stored.max() / 32767 * result.strip.full_scale
    )
    start, end = (datetime.fromisoformat(strip["effectivePeriod"][at]) for at in ("start", "end"))
    assert end == datetime.fromtimestamp((result.start_us + 5_000_000) / 1e6, UTC)
    sound_s = len(samples) * data["period"] / 1000
    assert (end - start).total_seconds() == pytest.approx(sound_s), "it shows the new hop alone"


@pytest.fixture
def ward(room: Room) -> Room:
    """Two beds in the ward west with three windows each, and one in the ward east."""
    fill(room, ("west", 1), ("west", 2), ("east", 1))
    for bed in (1, 2):
        for k in (1, 2):
            start_us = NOW_US - 5_000_000 + k * HOP_US
            later = examples.result(bed, index=10 + k, start_us=start_us)
            room.take(RESULTS.name, later.device_id.encode(), encode(later), NOW_US)
    return room


def _found(client: Any, query: str) -> list[dict[str, Any]]:
    answer = client.get(f"/fhir/Observation?{query}")
    assert answer.status_code == 200, answer.content
    return [entry["resource"] for entry in answer.json().get("entry", ())]


@pytest.mark.django_db
@pytest.mark.usefixtures("ward")
def test_a_search_finds_by_device_and_code(program_of: ClientOf) -> None:
    program = program_of(Role.VIEWER, "west")
    bundle = program.get("/fhir/Observation?device=dev-west-2&code=8867-4").json()
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", 3)
    resource = bundle["entry"][0]["resource"]
    assert resource["device"]["identifier"]["value"] == "dev-west-2"
    assert bundle["entry"][0]["fullUrl"].endswith(f"/fhir/Observation/{resource['id']}")
    one = program.get(f"/fhir/Observation/{resource['id']}")
    assert one.json() == resource
    (sound, *_) = _found(program, "device=dev-west-2&code=heart-sound")
    assert len(sound["valueSampledData"]["data"].split()) == 1250
    assert one.headers["Content-Type"].startswith("application/fhir+json")


@pytest.mark.django_db
@pytest.mark.usefixtures("ward")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 24),
        (f"code={quote(_LOINC + '|8867-4')}", 6),
        (f"code={quote(_LOINC + '|8867-4,signal-quality')}", 12),
        (f"code={quote('http://snomed.info/sct|8867-4')}", 0),
        ("code=%7C8867-4", 0),
        ("category=vital-signs", 6),
        ("patient=p-west-1", 12),
        ("patient=Patient/p-west-1", 12),
        ("subject:identifier=p-west-1", 12),
        ("patient:identifier=https://heartward.dev/fhir/codes/pseudonym%7Cp-west-1", 12),
        ("patient=p-west", 0),
        ("patient=p-west-1&patient=p-west-2", 0),
        ("patient=p-west-1,p-west-2", 24),
        ("device:identifier=dev-west-1&status=preliminary", 12),
        ("date=gt2100-01-01", 0),
        ("date=lt2100-01-01T00:00:00Z", 24),
        ("_format=json&_sort=-date", 24),
    ],
)
def test_a_search_understands_r4s_tokens_references_and_dates(
    program_of: ClientOf, query: str, count: int
) -> None:
    assert len(_found(program_of(Role.VIEWER, "west"), query)) == count


@pytest.mark.django_db
@pytest.mark.usefixtures("ward")
def test_a_search_by_time_finds_what_overlaps_it(program_of: ClientOf) -> None:
    program = program_of(Role.VIEWER, "west")
    at = datetime.fromtimestamp((NOW_US + 1_000_000) / 1e6, UTC).isoformat().replace("+00:00", "Z")
    assert len(_found(program, f"code=8867-4&date=gt{at}")) == 4
    assert len(_found(program, f"code=8867-4&date=lt{at}")) == 6


@pytest.mark.django_db
@pytest.mark.usefixtures("ward")
def test_pages_lead_through_all_that_was_found_the_newest_first(program_of: ClientOf) -> None:
    program = program_of(Role.VIEWER, "west")
    address, seen, totals = "/fhir/Observation?patient=p-west-1&_count=5", [], set()
    while address:
        bundle = program.get(address).json()
        seen += [entry["resource"] for entry in bundle["entry"]]
        totals.add(bundle["total"])
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert "patient=p-west-1" in links["self"]
        address = links.get("next", "")
    assert totals == {12}
    assert len({one["id"] for one in seen}) == 12
    ends = [one["effectivePeriod"]["end"] for one in seen]
    assert ends == sorted(ends, reverse=True)
    only_total = program.get("/fhir/Observation?_count=0").json()
    assert only_total["total"] == 24
    assert "entry" not in only_total


@pytest.mark.django_db
@pytest.mark.usefixtures("ward")
def test_only_what_is_shown_is_made_however_much_there_is(
    program_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(heading: Heading) -> dict[str, Any]:
        made.append(heading.id)
        return observation(heading)

    monkeypatch.setattr(views, "observation", counted)
    program = program_of(Role.VIEWER, "west")
    assert program.get("/fhir/Observation?patient=p-west-1&_count=5&_offset=3").status_code == 200
    assert len(made) == 5
    program.get("/fhir/Observation?date=gt2100-01-01")
    program.get("/fhir/Observation?_count=0")
    program.get(f"/fhir/Observation/{made[0]}")
    assert made[5:] == [made[0]]


@pytest.mark.django_db
@pytest.mark.usefixtures("ward")
@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/fhir/Observation/nothing", 404, "not-found"),
        (f"/fhir/Observation/{'x,' * 60}y", 404, "not-found"),
        ("/fhir/Observation?encounter=7", 400, "invalid"),
        ("/fhir/Observation?date=soon", 400, "invalid"),
        ("/fhir/Observation?_count=many", 400, "invalid"),
        ("/fhir/Observation/dev-east-1-7-10-rate", 404, "not-found"),
    ],
)
def test_what_goes_wrong_is_an_operation_outcome(
    program_of: ClientOf, address: str, status: int, code: str
) -> None:
    answer = program_of(Role.VIEWER, "west").get(address)
    assert answer.status_code == status
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert (outcome["issue"][0]["severity"], outcome["issue"][0]["code"]) == ("error", code)
    assert outcome["issue"][0]["diagnostics"]


@pytest.mark.django_db
@pytest.mark.usefixtures("ward")
def test_the_capability_statement_is_open_and_keeps_r4s_rules() -> None:
    statement = Client().get("/fhir/metadata").json()
    for required in ("status", "date", "kind", "fhirVersion", "format"):
        assert statement[required]
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["description"], "an instance must say where it is"
    assert statement["implementation"]["url"] == "http://testserver/fhir"
    (resource,) = statement["rest"][0]["resource"]
    types = {one["name"]: one["type"] for one in resource["searchParam"]}
    assert types["patient"] == types["device"] == "reference"
    assert types["code"] == "token"


@pytest.mark.django_db
@pytest.mark.usefixtures("ward")
def test_that_somebody_looked_is_written_down_for_the_ward_and_by_the_hour(
    program_of: ClientOf,
) -> None:
    program = program_of(Role.VIEWER)
    for _ in range(3):
        assert _found(program, "device=dev-west-1")
    (entry,) = AuditEntry.objects.filter(action="view")
    assert (entry.ward, entry.subject) == ("west", "FHIR")


@pytest.mark.django_db
def test_what_was_heard_of_who_has_left_is_not_told_of_a_device_that_nobody_wears(
    room: Room, program_of: ClientOf
) -> None:
    result = examples.result(1)
    room.take(RESULTS.name, result.device_id.encode(), encode(result), NOW_US)
    nurse_elsewhere = program_of(Role.NURSE, "east")
    assert _found(nurse_elsewhere, "") == []
