"""A PostgreSQL database into a file and back, by PostgreSQL's own tools."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from models.errors import UserError

_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def dump(url: str, file: Path) -> None:
    """Write the database as it is at one moment, though it is in use.

    Raises
    ------
    UserError
        In the tool's own words, when it is missing or fails.
    """
    _run(url, "pg_dump", "--format=custom", f"--file={file}")


def restore(url: str, file: Path) -> None:
    """Bring a dump back, whole or not at all.

    Raises
    ------
    UserError
        As `dump` does.
    """
    name = _settings(url)["PGDATABASE"]
    _run(url, "pg_restore", "--no-owner", "--single-transaction", f"--dbname={name}", str(file))


def require_empty(url: str) -> None:
    """Refuse a database in which somebody has made a table.

    Raises
    ------
    UserError
        If there is one, or the database cannot be asked.
    """
    tables = _run(url, "psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--command={_TABLES}")
    if tables.strip() != "0":
        raise UserError(
            f"the database {_settings(url)['PGDATABASE']} is not empty: nothing is restored over "
            "what is there"
        )


def _settings(url: str) -> dict[str, str]:
    """An address as the tools take it from their environment: a command line is seen by all."""
    parts = urlsplit(url)
    given = {
        "PGHOST": parts.hostname,
        "PGPORT": parts.port and str(parts.port),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    return {name: value for name, value in given.items() if value}


def _run(url: str, *command: str) -> str:
    environment = os.environ | {"LC_ALL": "C"} | _settings(url)
    try:
        done = subprocess.run(
            [*command, "--no-password"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
    except OSError as error:
        raise UserError(
            f"{command[0]} cannot be run ({error.strerror}): install PostgreSQL's client programs"
        ) from None
    if done.returncode:
        raise UserError(_first_line(done.stderr.splitlines()) or f"{command[0]} has failed")
    return done.stdout


def _first_line(lines: Sequence[str]) -> str:
    return lines[0] if lines else ""
