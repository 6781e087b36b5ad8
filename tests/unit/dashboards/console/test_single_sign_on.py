"""Single sign-on, from the console's page to the provider and back, over HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import ROOT
from tests.unit.dashboards.console.provider import Provider

_LOG_IN = """
import json, sys, urllib.request, urllib.parse
import django; django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
browser = Client(headers={"host": "localhost"})
to_provider = browser.get("/oidc/authenticate/").headers["Location"]
with urllib.request.urlopen(to_provider) as answer:
    back = json.loads(answer.read())
returned = browser.get("/oidc/callback/?" + urllib.parse.urlencode(back))
profile = browser.get("/profile/")
print(json.dumps({
    "to": returned.headers.get("Location"),
    "users": list(get_user_model().objects.values_list("username", flat=True)),
    "profile": profile.status_code,
    "rights": "None yet" in profile.content.decode(),
    "beds": browser.get("/api/v1/beds").status_code,
}))
"""

Serve = Callable[..., Provider]


@pytest.fixture
def serve() -> Iterator[Serve]:
    served: list[Provider] = []

    def one(*, audience: str = "heartward") -> Provider:
        served.append(Provider(user="ann.nurse", audience=audience))
        return served[-1]

    yield one
    for provider in served:
        provider.close()


def _log_in(provider: Provider, folder: Path) -> dict[str, object]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTWARD_", "DJANGO"))}
    settings = {
        "DJANGO_SETTINGS_MODULE": "dashboards.console.settings",
        "HEARTWARD_CONSOLE_FOLDER": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", _LOG_IN],
        cwd=ROOT,
        env=inherited | settings | provider.settings(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_whom_the_provider_knows_gets_in_and_sees_nothing_until_it_is_granted(
    serve: Serve, tmp_path: Path
) -> None:
    said = _log_in(serve(), tmp_path)
    assert said["users"] == ["ann.nurse"]
    assert (said["to"], said["profile"], said["rights"]) == ("/", 200, True)
    assert said["beds"] == 403


def test_a_token_for_another_program_lets_nobody_in(serve: Serve, tmp_path: Path) -> None:
    said = _log_in(serve(audience="canteen"), tmp_path)
    assert said["users"] == []
    assert said["profile"] == 302
