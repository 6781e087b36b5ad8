"""Logins, lockout, second factor, tokens, and the log that nobody changes."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from dashboards.console.audit.models import AppendOnlyError, AuditEntry
from dashboards.console.live.room import Room
from dashboards.console.people.access import Role
from dashboards.console.people.accounts import ensure_administrator, token_for
from dashboards.console.people.models import ApiToken, Membership
from models.errors import UserError
from tests.unit.dashboards.console.conftest import ClientOf

pytestmark = pytest.mark.django_db


def _log_in(client: Client, password: str) -> Any:
    return client.post("/login/", {"username": "nina", "password": password})


@pytest.fixture
def nina(room: Room) -> Any:  # noqa: ARG001 (pages ask for it)
    made = get_user_model().objects.create_user("nina", password="right")  # noqa: S106 (a test's)
    Membership.objects.create(user=made, role=Role.NURSE, ward="west")
    return made


@pytest.mark.usefixtures("nina")
def test_the_right_password_opens_the_ward_and_is_written_down() -> None:
    client = Client()
    assert _log_in(client, "right").headers["Location"] == "/"
    assert client.get("/").status_code == 200
    assert AuditEntry.objects.get(action="login").actor == "nina"


@pytest.mark.usefixtures("nina")
def test_five_wrong_passwords_lock_the_account_even_for_the_right_one() -> None:
    client = Client()
    for _ in range(5):
        _log_in(client, "wrong")
    answer = _log_in(client, "right")
    assert answer.status_code == 429
    assert b"Locked" in answer.content
    assert client.get("/").status_code == 302
    assert AuditEntry.objects.filter(action="login failed", actor="nina").count() >= 5


def _code(device: TOTPDevice) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    return f"{totp.token():06d}"


def test_who_has_enrolled_gets_in_only_with_a_code(nina: Any) -> None:
    client = Client()
    _log_in(client, "right")
    client.get("/profile/enrol/")
    device = TOTPDevice.objects.get(user=nina)
    client.post("/profile/enrol/", {"code": _code(device)})
    assert client.get("/").status_code == 200

    again = Client()
    _log_in(again, "right")
    assert again.get("/").headers["Location"] == "/login/code/"
    assert again.get("/api/v1/beds").status_code in (401, 403)
    assert again.get("/api/v1/feed").status_code == 401
    TOTPDevice.objects.update(last_t=-1)  # as if time had passed since the code was used
    again.post("/login/code/", {"otp_token": _code(device)})
    assert again.get("/").status_code == 200


@pytest.mark.usefixtures("nina")
def test_where_a_code_is_required_everybody_must_enrol_first(settings: Any) -> None:
    settings.CONSOLE = settings.CONSOLE.model_copy(update={"require_second_factor": True})
    client = Client()
    _log_in(client, "right")
    assert client.get("/").headers["Location"] == "/profile/enrol/"


@pytest.mark.usefixtures("room")
def test_a_token_is_kept_as_a_hash_and_ends_with_its_removal(nina: Any) -> None:
    key = ApiToken.make(nina)
    row = ApiToken.objects.get()
    assert key not in (row.digest, row.shown)
    program = Client(headers={"Authorization": f"Token {key}"})
    assert program.get("/api/v1/beds").status_code == 200
    row.delete()
    assert program.get("/api/v1/beds").status_code == 401


@pytest.mark.usefixtures("room")
def test_a_closed_account_has_no_valid_token(nina: Any) -> None:
    program = Client(headers={"Authorization": f"Bearer {ApiToken.make(nina)}"})
    nina.is_active = False
    nina.save()
    assert program.get("/api/v1/beds").status_code == 401


def test_the_command_line_makes_tokens_for_those_whom_it_knows() -> None:
    ensure_administrator("demo", "one")
    ensure_administrator("demo", "two")
    assert Membership.objects.get().role == Role.ADMIN
    assert ApiToken.of_key(token_for("demo")) is not None
    with pytest.raises(UserError, match="known are: demo"):
        token_for("nobody")


@pytest.mark.usefixtures("room")
def test_a_session_changes_nothing_without_the_pages_own_secret(nina: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(nina, backend="django.contrib.auth.backends.ModelBackend")
    body = {"device_id": "d", "action": "acknowledge"}
    answer = client.post("/api/v1/alarms/actions", body, content_type="application/json")
    assert answer.status_code == 403


def test_the_audit_log_can_only_grow() -> None:
    entry = AuditEntry.objects.create(actor="a", action="login")
    with pytest.raises(AppendOnlyError):
        entry.save()
    with pytest.raises(AppendOnlyError):
        entry.delete()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.update(actor="b")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.all().delete()
    assert AuditEntry.objects.get().actor == "a"


@pytest.mark.usefixtures("make_user", "room")
def test_an_administrator_makes_users_and_grants_roles(
    client_of: ClientOf,
) -> None:
    admin = client_of(Role.ADMIN)
    form = {"username": "carl", "password": "a long enough one 7", "role": 1, "ward": "west"}
    admin.post("/users/", form)
    carl = get_user_model().objects.get(username="carl")
    assert carl.memberships.get().role == Role.VIEWER
    admin.post(f"/users/{carl.pk}/", {"do": "grant", "ward": "west", "role": 2})
    assert carl.memberships.get().role == Role.NURSE
    admin.post(f"/users/{carl.pk}/", {"do": "close"})
    carl.refresh_from_db()
    assert not carl.is_active
    assert AuditEntry.objects.filter(action="user changed", subject="carl").count() == 3


def test_a_program_of_an_administrator_changes_roles_and_closes_accounts(
    nina: Any, program_of: ClientOf
) -> None:
    admin = program_of(Role.ADMIN)

    def change(user: Any, **values: object) -> Any:
        address = f"/api/v1/users/{user.pk}"
        return admin.patch(address, values, content_type="application/json")

    grants = [{"ward": "east", "role": 3}, {"ward": "north", "role": 1}]
    assert change(nina, memberships=grants).json()["memberships"][0]["ward"] == "east"
    assert {m.ward: m.role for m in nina.memberships.all()} == {"east": 3, "north": 1}
    assert change(nina, is_active=False, username="eve").status_code == 200
    nina.refresh_from_db()
    assert (nina.is_active, nina.username) == (False, "nina")
    own = get_user_model().objects.get(username="admin-all")
    assert change(own, is_active=False).status_code == 403
    assert AuditEntry.objects.filter(action="user changed", subject="nina").count() == 2


@pytest.mark.usefixtures("nina")
def test_pages_forbid_scripts_in_themselves_and_frames_around_them() -> None:
    answer = Client().get("/login/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"].count("no-store") == 1
    assert b"<script>" not in answer.content
