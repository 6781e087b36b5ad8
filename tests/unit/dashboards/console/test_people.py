"""Logins, lockout, second factor, tokens, and the log that nobody changes."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from dashboards.console.api.admission_serializers import UserChangeSerializer
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
    assert change(nina, password="1234").status_code == 400  # noqa: S106 (a test's)
    assert change(nina, password="a long enough one 7").status_code == 200  # noqa: S106
    nina.refresh_from_db()
    assert nina.check_password("a long enough one 7")
    own = get_user_model().objects.get(username="admin-all")
    assert change(own, is_active=False).status_code == 403
    entries = AuditEntry.objects.filter(action="user changed", subject="nina").order_by("id")
    changed = [entry.detail["changed"] for entry in entries]
    assert changed == ["memberships", "is_active", "password"]
    assert entries[0].detail["granted"] == "clinician in east; viewer in north"


def test_an_administrator_lets_in_again_who_has_lost_password_and_telephone(
    nina: Any, client_of: ClientOf
) -> None:
    TOTPDevice.objects.create(user=nina, confirmed=True)
    key = ApiToken.make(nina)
    signed_in = Client()
    _log_in(signed_in, "right")
    admin = client_of(Role.ADMIN)
    page = f"/users/{nina.pk}/"
    assert b"Take the second factor away" in admin.get(page).content
    weak = admin.post(page, {"do": "password", "password": "nina"})
    assert weak.status_code == 200
    assert b"too short" in weak.content
    admin.post(page, {"do": "password", "password": "a long enough one 7"})
    admin.post(page, {"do": "no code"})
    admin.post(page, {"do": "no tokens"})
    assert ApiToken.of_key(key) is None
    assert signed_in.get("/login/code/").status_code == 302, "the old session has ended"
    again = Client()
    _log_in(again, "a long enough one 7")
    assert again.get("/").status_code == 200
    said = [e.detail["do"] for e in AuditEntry.objects.filter(subject="nina").order_by("id")]
    assert said == ["password", "no code", "no tokens"]


@pytest.mark.usefixtures("room")
def test_nobody_changes_the_own_rights_on_the_page_either(client_of: ClientOf) -> None:
    admin = client_of(Role.ADMIN)
    own = get_user_model().objects.get(username="admin-all")
    role = own.memberships.get()
    for asked in ({"do": "remove", "role_id": role.pk}, {"do": "close"}, {"do": "no code"}):
        admin.post(f"/users/{own.pk}/", asked)
    own.refresh_from_db()
    assert own.is_active
    assert own.memberships.get() == role
    page = admin.get(f"/users/{own.pk}/").content.decode()
    assert "another administrator" in page
    assert 'name="do"' not in page, "a button that only refuses"


def test_who_closes_an_account_does_not_bring_back_a_password_that_was_changed_meanwhile(
    nina: Any,
) -> None:
    seen_before = get_user_model().objects.get(pk=nina.pk)
    nina.set_password("newer")
    nina.save()
    UserChangeSerializer().update(seen_before, {"is_active": False})
    nina.refresh_from_db()
    assert not nina.is_active
    assert nina.check_password("newer")


def test_a_new_user_is_asked_for_by_name_first(client_of: ClientOf) -> None:
    page = client_of(Role.ADMIN).get("/users/").content.decode()
    assert page.index('id="id_username"') < page.index('id="id_password"')
    assert not AuditEntry.objects.filter(action="user changed").exists()


@pytest.mark.parametrize("number", ["x", "", "-1", "9" * 30, "²"])
def test_a_role_that_cannot_be_is_taken_from_nobody(
    nina: Any, client_of: ClientOf, number: str
) -> None:
    admin = client_of(Role.ADMIN)
    answer = admin.post(f"/users/{nina.pk}/", {"do": "remove", "role_id": number})
    assert answer.status_code == 302
    assert nina.memberships.count() == 1
    assert admin.post("/notifications/", {"do": "remove", "rule": number}).status_code == 302


def test_the_log_says_what_was_granted(nina: Any, client_of: ClientOf) -> None:
    admin = client_of(Role.ADMIN)
    page = f"/users/{nina.pk}/"
    admin.post(page, {"do": "grant", "ward": "east", "role": 3, "may_listen_raw": "on"})
    admin.post(page, {"do": "remove", "role_id": nina.memberships.get(ward="west").pk})
    entries = AuditEntry.objects.filter(subject="nina").order_by("id")
    assert [entry.detail for entry in entries] == [
        {"do": "grant", "granted": "clinician in east, raw sound"},
        {"do": "remove", "taken": "nurse in west"},
    ]


@pytest.mark.usefixtures("room")
def test_who_was_made_on_the_command_line_is_told_to_have_every_right() -> None:
    root = get_user_model().objects.create_superuser("root", password="right")  # noqa: S106 (a test's)
    browser = Client()
    browser.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    assert b"Everything everywhere" in browser.get("/profile/").content
    assert b"None yet" not in browser.get("/profile/").content


def test_a_wrong_code_is_written_down(nina: Any) -> None:
    TOTPDevice.objects.create(user=nina, confirmed=True)
    browser = Client()
    _log_in(browser, "right")
    browser.post("/login/code/", {"otp_token": "000000"})
    entry = AuditEntry.objects.get(action="login failed")
    assert (entry.actor, entry.detail) == ("nina", {"factor": "code"})


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.7:4711", "10.0.0.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("unknown", "0.0.0.0"),  # noqa: S104 (nobody listens)
        ("", "0.0.0.0"),  # noqa: S104 (nobody listens)
    ],
)
@pytest.mark.usefixtures("nina")
def test_an_address_that_is_none_keeps_nobody_out(said: str, known: str) -> None:
    client = Client(REMOTE_ADDR=said)
    assert _log_in(client, "right").headers["Location"] == "/"
    assert AuditEntry.objects.get(action="login").address == known


@pytest.mark.parametrize(
    "address",
    [
        *("/history/alarms/?ward=%00", "/audit/?actor=%00", "/admissions/patients/%00/"),
        *("/admissions/assignments/%00/limits/", "/recordings/?ward=%00", "/beds/%00/"),
    ],
)
@pytest.mark.usefixtures("room")
def test_the_character_that_postgresql_takes_in_no_text_breaks_no_page(
    client_of: ClientOf, address: str
) -> None:
    finds_nothing = 404 if address.startswith(("/admissions", "/beds")) else 200
    status = 400 if connection.vendor == "postgresql" and "beds" not in address else finds_nothing
    if "/recordings/" in address:  # which looks at what it is asked
        status = 200
    assert client_of(Role.ADMIN).get(address).status_code == status


@pytest.mark.usefixtures("nina")
def test_pages_forbid_scripts_in_themselves_and_frames_around_them() -> None:
    answer = Client().get("/login/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"].count("no-store") == 1
    assert b"<script>" not in answer.content
