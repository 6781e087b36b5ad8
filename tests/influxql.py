"""Ask a test's InfluxDB in InfluxQL, and write raw points into it."""

import json
import urllib.parse
import urllib.request
from typing import Any

from tests.servers import InfluxDb, InfluxDb1

Database = InfluxDb | InfluxDb1


def rows(database: Database, statement: str, bucket: str | None = None) -> list[dict[str, Any]]:
    """Every row of the answer as a mapping, tags included; times in microseconds."""
    given = {"db": bucket or database.bucket, "epoch": "u", "q": statement}
    form = urllib.parse.urlencode(given)
    answer = json.loads(_post(database, "/query", form, "application/x-www-form-urlencoded"))
    (part,) = answer["results"]
    assert "error" not in part, f"{statement}: {part['error']}"
    return [
        series.get("tags", {}) | dict(zip(series["columns"], values, strict=True))
        for series in part.get("series", ())
        for values in series["values"]
    ]


def count(database: Database, measurement: str, field: str, where: str) -> int:
    """How many points of a measurement have the field."""
    found = rows(database, f"SELECT count({field}) FROM {measurement} WHERE {where}")  # noqa: S608
    return int(found[0]["count"]) if found else 0


def write(database: Database, line: str, suffix: str = "") -> None:
    """One line, or several with ends of lines between; into the bucket with this suffix."""
    named = f"bucket={database.bucket}"
    path = database.write_path.replace(named, named + suffix)
    _post(database, path, line, "text/plain")


def settings(database: InfluxDb, **changes: str) -> dict[str, str]:
    """The environment that makes a part write into this database."""
    given = {
        "url": database.url,
        "token": database.token,
        "org": database.org,
        "bucket": database.bucket,
    } | changes
    return {f"HEARTWARD_INFLUX_{name.upper()}": value for name, value in given.items()}


def _post(database: Database, path: str, body: str, content_type: str) -> bytes:
    request = urllib.request.Request(  # noqa: S310 (the loopback)
        database.url + path,
        body.encode(),
        {"Content-Type": content_type}
        | ({"Authorization": f"Token {database.token}"} if database.token else {}),
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (as above)
        content: bytes = answer.read()
    return content


def flux(database: InfluxDb, script: str) -> list[str]:
    """Lines of the answer, in the server's CSV."""
    path = f"/api/v2/query?org={database.org}"
    return _post(database, path, script, "application/vnd.flux").decode().splitlines()
