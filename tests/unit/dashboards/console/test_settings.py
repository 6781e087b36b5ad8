"""The settings of a hospital, and those that cannot be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from dashboards.console.configuration import ConsoleSettings
from dashboards.console.lib.kept_secrets import kept_secret
from ingest.connections import load
from models.errors import ConfigurationError
from tests.servers import ROOT

_OIDC = {
    f"HEARTWARD_CONSOLE_OIDC_{name}": f"https://provider.example.org/{name.lower()}"
    for name in ("ISSUER", "AUTHORIZATION_URL", "TOKEN_URL", "USER_URL", "KEYS_URL")
}
_ASK_FOR_LOGIN = """
import django; django.setup()
from django.test import Client
answer = Client().get("/oidc/authenticate/", secure=True, headers={"host": "ward.example.org"})
print(answer.status_code, answer.headers["Location"])
"""

_KEEP_A_CLIP = """
import django; django.setup()
from django.core.files.base import ContentFile
from dashboards.console.history.models import Clip
Clip(device_id="d").file.save("clip.flac", ContentFile(b"sound"), save=False)
"""


def _hospital(folder: Path) -> dict[str, str]:
    return {
        "HEARTWARD_CONSOLE_FOLDER": str(folder),
        "HEARTWARD_CONSOLE_PRODUCTION": "true",
        "HEARTWARD_CONSOLE_SECRET_KEY": "".join(chr(48 + i % 74) for i in range(60)),
        "HEARTWARD_CONSOLE_IDENTITY_KEY": Fernet.generate_key().decode(),
        "HEARTWARD_CONSOLE_NAMES": "ward.example.org",
        "HEARTWARD_CONSOLE_DATABASE_URL": "postgresql://u:p%40ss@db.example.org:5433/ward",
    }


def _run(*arguments: str, **settings: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTWARD_", "DJANGO"))}
    settings["DJANGO_SETTINGS_MODULE"] = "dashboards.console.settings"
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=inherited | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_settings_of_a_hospital_pass_djangos_own_examination(tmp_path: Path) -> None:
    check = ("-m", "dashboards.console.manage", "check", "--deploy", "--fail-level", "WARNING")
    assert "no issues" in _run(*check, **_hospital(tmp_path))
    assert not list(tmp_path.iterdir()), "a key was made in a folder"


@pytest.mark.django_db
def test_no_table_differs_from_what_the_migrations_make() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_single_sign_on_sends_to_the_provider(tmp_path: Path) -> None:
    provider = _OIDC | {"HEARTWARD_CONSOLE_OIDC_CLIENT_ID": "heartward"}
    database = {"HEARTWARD_CONSOLE_DATABASE_URL": ""}
    settings = _hospital(tmp_path) | provider | database
    settings.pop("HEARTWARD_CONSOLE_DATABASE_URL")
    _run("-m", "dashboards.console.manage", "migrate", "--verbosity", "0", **settings)
    said = _run("-c", _ASK_FOR_LOGIN, **settings)
    assert said.startswith("302 https://provider.example.org/authorization_url?")
    assert "client_id=heartward" in said


def test_clips_and_recordings_go_to_the_storage_that_is_named(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    settings = {
        "HEARTWARD_CONSOLE_FOLDER": str(tmp_path / "own"),
        "HEARTWARD_CONSOLE_STORAGE": "django.core.files.storage.FileSystemStorage",
        "HEARTWARD_CONSOLE_STORAGE_OPTIONS": json.dumps({"location": str(shared)}),
    }
    _run("-c", _KEEP_A_CLIP, **settings)
    (kept,) = (path for path in shared.rglob("*") if path.is_file())
    assert kept.read_bytes() == b"sound"


def test_the_database_is_read_from_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://u:p%40ss@db.example.org:5433/ward"
    monkeypatch.setenv("HEARTWARD_CONSOLE_DATABASE_URL", url)
    database = load(ConsoleSettings).database()
    assert database["ENGINE"] == "django.db.backends.postgresql"
    known = {name: database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    assert known == {
        "NAME": "ward",
        "USER": "u",
        "PASSWORD": "p@ss",
        "HOST": "db.example.org",
        "PORT": 5433,
    }


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PRODUCTION": "true"}, "HEARTWARD_CONSOLE_SECRET_KEY"),
        ({"DATABASE_URL": "mysql://db/x"}, "HEARTWARD_CONSOLE_DATABASE_URL"),
        ({"OIDC_CLIENT_ID": "x"}, "HEARTWARD_CONSOLE_OIDC_ISSUER"),
        ({"OIDC_CLIENT_ID": "x", "OIDC_ISSUER": "x"}, "HEARTWARD_CONSOLE_OIDC_AUTHORIZATION_URL"),
        ({"IDENTITY_KEY": f"{Fernet.generate_key().decode()},short"}, "key 2 is no Fernet key"),
        ({"SECRET_KEY_FILE": "/nowhere/key", "PRODUCTION": "true"}, "/nowhere/key"),
        ({"PORT": "0"}, "HEARTWARD_CONSOLE_PORT"),
        ({"STORAGE": "a.B", "STORAGE_OPTIONS": "[]"}, "STORAGE_OPTIONS is no JSON object"),
        ({"STORAGE_OPTIONS": '{"a": 1}'}, "HEARTWARD_CONSOLE_STORAGE is missing"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_their_name(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], named: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"HEARTWARD_CONSOLE_{name}", value)
    with pytest.raises(ConfigurationError, match=named):
        load(ConsoleSettings)


def test_a_key_that_was_made_once_stays_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key"
    assert kept_secret(file, lambda: "one") == "one"
    assert kept_secret(file, lambda: "two") == "one"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ROLES": "a=nurse"}, "OIDC_ROLES_CLAIM is missing"),
        ({"ROLES_CLAIM": "groups"}, "OIDC_ROLES is missing"),
        ({"ROLES_CLAIM": "groups", "ROLES": "a=nurse; b=boss"}, "'b=boss' is no VALUE=ROLE"),
        ({"ROLES_CLAIM": "groups", "ROLES": "nurse"}, "'nurse' is no VALUE=ROLE"),
        ({"ROLES_CLAIM": "groups", "ROLES": "a=nurse@"}, "'a=nurse@' is no VALUE=ROLE"),
    ],
)
def test_roles_of_a_claim_that_cannot_be_are_refused_at_start(
    settings: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"HEARTWARD_CONSOLE_OIDC_{name}", value)
    with pytest.raises(ConfigurationError, match=said):
        load(ConsoleSettings)
