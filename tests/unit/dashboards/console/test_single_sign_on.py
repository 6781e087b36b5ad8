"""Single sign-on, from the console's page to the provider and back, over HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.servers import ROOT
from tests.unit.dashboards.console.provider import Provider, Said

_LOG_IN = """
import json, os, sys, urllib.request, urllib.parse
import django; django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from dashboards.console.audit.models import AuditEntry
from dashboards.console.people.models import Membership
call_command("migrate", verbosity=0)
users = get_user_model().objects
for name in json.loads(os.environ["WITH_PASSWORD"]):
    users.create_user(name, password="a long enough one 7")
logins = []
for _ in range(int(os.environ["LOGINS"])):
    browser = Client(headers={"host": "localhost"})
    to_provider = browser.get("/oidc/authenticate/?next=/profile/").headers["Location"]
    with urllib.request.urlopen(to_provider) as answer:
        back = json.loads(answer.read())
    returned = browser.get("/oidc/callback/?" + urllib.parse.urlencode(back))
    profile = browser.get("/profile/")
    page = browser.get("/login/").content.decode()
    again = browser.get("/oidc/callback/?" + urllib.parse.urlencode(back)) if not page else None
    logins.append({
        "status": returned.status_code,
        "to": returned.headers.get("Location"),
        "as": profile.content.decode().partition("<h1>")[2].partition("<")[0] or None,
        "again": again and (again.headers["Location"], browser.get("/profile/").status_code),
        "is_without_rights": "None yet" in profile.content.decode(),
        "roles": [m.in_words() for m in Membership.objects.order_by("ward")],
        # No ward lives in this process that those who may see one could be shown.
        "beds": None if Membership.objects.exists() else browser.get("/api/v1/beds").status_code,
        "says": page.partition('class="messages"')[2].partition("</ul>")[0],
    })
out = browser.post("/logout/")
whys = AuditEntry.objects.filter(actor="single sign-on").order_by("id")
print(json.dumps({
    "logins": logins,
    "users": sorted(users.values_list("username", flat=True)),
    "why": [entry.detail["why"] for entry in whys],
    "logout": out.headers.get("Location"),
    "policy": browser.get("/login/").headers["Content-Security-Policy"],
}))
"""

Serve = Callable[..., Provider]


class Told(NamedTuple):
    """What became of each login, and what the console remembers afterwards."""

    logins: list[dict[str, Any]]
    users: list[str]
    why: list[str]
    logout: str
    policy: str


@pytest.fixture
def serve() -> Iterator[Serve]:
    served: list[Provider] = []

    def one(*said: Said) -> Provider:
        served.append(Provider(*(said or (Said(),))))
        return served[-1]

    yield one
    for provider in served:
        provider.close()


def _log_in(
    provider: Provider,
    folder: Path,
    *,
    logins: int = 1,
    with_password: tuple[str, ...] = (),
    changed: dict[str, str] | None = None,
) -> Told:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTWARD_", "DJANGO"))}
    settings = {
        "DJANGO_SETTINGS_MODULE": "dashboards.console.settings",
        "HEARTWARD_CONSOLE_FOLDER": str(folder),
        "LOGINS": str(logins),
        "WITH_PASSWORD": json.dumps(with_password),
    }
    others = {f"HEARTWARD_CONSOLE_{name}": value for name, value in (changed or {}).items()}
    done = subprocess.run(
        [sys.executable, "-c", _LOG_IN],
        cwd=ROOT,
        env=inherited | settings | provider.settings() | others,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Told(**json.loads(done.stdout.splitlines()[-1]))


def test_whom_the_provider_knows_gets_in_and_sees_nothing_until_it_is_granted(
    serve: Serve, tmp_path: Path
) -> None:
    told = _log_in(serve(), tmp_path)
    (login,) = told.logins
    assert told.users == ["ann.nurse"]
    assert (login["to"], login["as"]) == ("/profile/", "ann.nurse")
    assert login["is_without_rights"]
    assert login["again"] == ["/", 200], "a page that was used already changes nothing"
    assert login["beds"] == 403


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said(audience="canteen"), "another program"),
        (Said(audience=("heartward", "canteen")), "another program"),
        (Said(issuer="https://elsewhere.example.org"), "issued by https://elsewhere"),
        (Said(lives_s=-3600.0), "expired"),
        (Said(info_subject="5678"), "nobody was let in"),
        (Said(user="ann; nurse"), "nobody was let in"),
        (Said(is_broken=True), "does not answer"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value),
)
def test_what_is_not_right_lets_nobody_in_and_says_so_on_the_login_page(
    serve: Serve, tmp_path: Path, said: Said, why: str
) -> None:
    told = _log_in(serve(said), tmp_path)
    (login,) = told.logins
    assert (login["status"], login["to"], login["as"]) == (302, "/login/", None)
    assert "ingle sign-on" in login["says"]
    assert told.users == []
    assert [why in one for one in told.why] == [True]


def test_a_provider_that_is_away_is_said_on_the_login_page(serve: Serve, tmp_path: Path) -> None:
    nowhere = {"OIDC_TOKEN_URL": "http://127.0.0.1:9/token"}
    told = _log_in(serve(), tmp_path, changed=nowhere)
    (login,) = told.logins
    assert (login["status"], login["to"]) == (302, "/login/")
    assert "does not answer" in login["says"]


def test_nobody_becomes_a_user_with_a_password_by_choosing_that_name(
    serve: Serve, tmp_path: Path
) -> None:
    told = _log_in(serve(Said(user="root")), tmp_path, with_password=("root",))
    assert told.logins[0]["as"] is None
    assert told.users == ["root"]


def test_a_user_is_whom_the_provider_means_whatever_name_it_gives(
    serve: Serve, tmp_path: Path
) -> None:
    same_renamed = Said(user="ann.married")
    other_of_that_name = Said(subject="5678")
    provider = serve(Said(), same_renamed, other_of_that_name)
    told = _log_in(provider, tmp_path, logins=3)
    assert [login["as"] for login in told.logins] == ["ann.nurse", "ann.nurse", None]
    assert told.users == ["ann.nurse"]


def test_failed_logins_of_others_lock_nobody_out(serve: Serve, tmp_path: Path) -> None:
    wrong = Said(info_subject="5678")
    told = _log_in(serve(*[wrong] * 7, Said()), tmp_path, logins=8)
    assert [login["as"] for login in told.logins] == [None] * 7 + ["ann.nurse"]


def test_to_log_out_ends_the_providers_session_where_it_says_how(
    serve: Serve, tmp_path: Path
) -> None:
    told = _log_in(serve(), tmp_path / "without")
    assert told.logout == "/login/"
    end = "https://provider.example.org/end?realm=ward"
    told = _log_in(serve(), tmp_path / "with", changed={"OIDC_LOGOUT_URL": end})
    assert told.logout.startswith(f"{end}&client_id=heartward&post_logout_redirect_uri=http")
    # A browser follows a form only to where the policy lets it.
    assert "form-action 'self' https://provider.example.org;" in f"{told.policy};"


_CLAIM = {
    "OIDC_ROLES_CLAIM": "groups",
    "OIDC_ROLES": "cn=west,ou=nurses=nurse@west; heads=clinician@west; heads=viewer; it=admin",
}


def _in_groups(*groups: str, in_token: bool = False) -> Said:
    return Said(claims=(("groups", list(groups)),), in_token=in_token)


def test_a_claim_of_the_provider_gives_roles_at_each_login_and_takes_them_away(
    serve: Serve, tmp_path: Path
) -> None:
    both = ("cn=west,ou=nurses", "heads", "choir")
    said = (
        *(_in_groups("cn=west,ou=nurses"), _in_groups(*both), _in_groups(*both)),
        *(_in_groups("it", in_token=True), _in_groups("choir"), Said()),
    )
    told = _log_in(serve(*said), tmp_path, logins=len(said), changed=_CLAIM)
    assert [login["roles"] for login in told.logins] == [
        ["nurse in west"],
        ["viewer in every ward", "clinician in west"],
        ["viewer in every ward", "clinician in west"],
        ["admin in every ward"],
        [],
        [],
    ]
    assert told.logins[-1]["beds"] == 403
    assert told.why == ["as the provider says"] * 4, "written down where anything has changed"


def test_without_the_setting_no_claim_gives_a_role(serve: Serve, tmp_path: Path) -> None:
    told = _log_in(serve(_in_groups("it", "admin")), tmp_path)
    assert told.logins[0]["roles"] == []
    assert told.why == []
