"""The console on the database of a hospital: its own tests once more, on a real PostgreSQL."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.console import postgresql
from tests.integration.console.postgresql import PostgreSql
from tests.servers import ROOT

_TESTS = Path("tests/unit/dashboards/console")
# What is stored, found, erased, claimed and refused; what only computes is the same anywhere.
_STORED = (
    *("test_history.py", "test_outbox.py", "test_people.py", "test_notifications.py"),
    *("test_erasure.py", "test_fhir.py", "test_identity.py", "test_hostile.py"),
    *("test_several.py", "recordings/test_jobs.py"),
)
# Who may see what, and in which form, is decided outside of the database.
_SHOWN = (
    *("test_openapi.py", "test_rights.py", "recordings/test_pages.py"),
    *("recordings/test_rights.py", "recordings/test_examinations.py"),
)


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSql]:
    with postgresql.running() as server:
        yield server


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "names", [_STORED, pytest.param(_SHOWN, marks=pytest.mark.slow)], ids=["stored", "shown"]
)
def test_what_the_console_stores_is_the_same_on_postgresql(
    database: PostgreSql, names: tuple[str, ...]
) -> None:
    files = [str(_TESTS / name) for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env=os.environ | {"HEARTWARD_TEST_DATABASE_URL": database.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_of_two_consoles_at_once_neither_gives_a_device_twice_nor_undoes_a_discharge(
    database: PostgreSql,
) -> None:
    said = subprocess.check_output(
        [sys.executable, "-m", "tests.integration.console.races"],
        cwd=ROOT,
        env=os.environ | {"HEARTWARD_TEST_DATABASE_URL": database.url},
        text=True,
    )
    assert json.loads(said) == {"doubled": 0, "reopened": 0}


@pytest.mark.parametrize("words", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_database_itself_refuses_to_change_the_audit_log(
    database: PostgreSql, words: str
) -> None:
    statement = {
        "UPDATE": "UPDATE audit_auditentry SET actor = 'x'",
        "DELETE": "DELETE FROM audit_auditentry",
        "TRUNCATE": "TRUNCATE audit_auditentry",
    }[words]
    asked = f"""
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.db import DatabaseError, connection, transaction
from dashboards.console.audit import log
log.write("a", "login")
try:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute({statement!r})
except DatabaseError as error:
    print(error)
"""
    environment = os.environ | {
        "HEARTWARD_TEST_DATABASE_URL": database.url,
        "DJANGO_SETTINGS_MODULE": "tests.console_settings",
    }
    said = subprocess.check_output([sys.executable, "-c", asked], env=environment, text=True)
    assert "append-only" in said
