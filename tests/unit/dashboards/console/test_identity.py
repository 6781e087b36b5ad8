"""Identities: encrypted, under keys that can be changed and thrown away."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from dashboards.console.admissions import desk
from dashboards.console.admissions.identity import Identity, IdentityError, seal, unseal
from dashboards.console.admissions.models import Assignment, Patient
from dashboards.console.history.batches import Batch, write
from dashboards.console.people.access import Role
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf

pytestmark = pytest.mark.django_db

ANN = Identity(name="Ann Other", born="1950-01-31", number="17")


def _key() -> str:
    return Fernet.generate_key().decode()


def test_a_key_can_be_thrown_away_once_all_is_sealed_with_a_newer_one(settings: Any) -> None:
    old, new = _key(), _key()
    settings.IDENTITY_KEYS = [old]
    for name in ("p1", "p2"):
        Patient.objects.create(pseudonym=name, sealed_identity=seal(ANN))
    Patient.objects.create(pseudonym="p3")
    settings.IDENTITY_KEYS = [new, old]
    call_command("reseal")
    settings.IDENTITY_KEYS = [new]
    sealed = Patient.objects.filter(sealed_identity__isnull=False)
    assert [unseal(patient.sealed_identity) for patient in sealed] == [ANN, ANN]


def test_what_no_key_fits_stays_as_it_is_and_is_named(settings: Any) -> None:
    lost, new = _key(), _key()
    settings.IDENTITY_KEYS = [lost]
    sealed = seal(ANN)
    Patient.objects.create(pseudonym="p1", sealed_identity=sealed)
    settings.IDENTITY_KEYS = [new]
    Patient.objects.create(pseudonym="p2", sealed_identity=seal(ANN))
    with pytest.raises(CommandError, match=r"of 1 the key is not there.*: p1"):
        call_command("reseal")
    assert bytes(Patient.objects.get(pseudonym="p1").sealed_identity) == sealed
    with pytest.raises(IdentityError):
        unseal(sealed)


@pytest.mark.usefixtures("room")
def test_an_identity_is_for_the_ward_where_the_patient_lies_or_lay_last(
    client_of: ClientOf,
) -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    Patient.objects.update(sealed_identity=seal(ANN))
    west, east = client_of(Role.NURSE, "west"), client_of(Role.NURSE, "east")
    asked = {"show": "1"}
    assert b"Ann Other" in west.post("/admissions/patients/p1/", asked).content
    moved = desk.move(made, ward="east", bed="1")
    assert west.post("/admissions/patients/p1/", asked).status_code == 404
    desk.discharge(moved)
    assert west.get("/admissions/patients/p1/").status_code == 404
    assert b"Ann Other" in east.post("/admissions/patients/p1/", asked).content


@pytest.mark.usefixtures("room")
def test_a_page_says_that_the_key_is_not_there_and_tells_nothing(
    client_of: ClientOf, settings: Any
) -> None:
    write(Batch([], [], [examples.assignment()]))
    settings.IDENTITY_KEYS = [_key()]
    Patient.objects.update(sealed_identity=seal(ANN))
    settings.IDENTITY_KEYS = [_key()]
    assert Assignment.objects.exists()
    page = client_of(Role.NURSE, "west").post("/admissions/patients/p-west-1/", {"show": "1"})
    assert page.status_code == 200
    assert b"key that this identity was encrypted with" in page.content
    assert b"Ann" not in page.content
