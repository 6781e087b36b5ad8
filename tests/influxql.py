"""Ask a test's InfluxDB in InfluxQL, and write raw points into it."""

import json
import urllib.parse
import urllib.request
from typing import Any

from tests.servers import InfluxDb


def rows(database: InfluxDb, statement: str) -> list[dict[str, Any]]:
    """Every row of the answer as a mapping, tags included; times in microseconds."""
    form = urllib.parse.urlencode({"db": database.bucket, "epoch": "u", "q": statement})
    answer = json.loads(_post(database, "/query", form, "application/x-www-form-urlencoded"))
    (part,) = answer["results"]
    return [
        series.get("tags", {}) | dict(zip(series["columns"], values, strict=True))
        for series in part.get("series", ())
        for values in series["values"]
    ]


def count(database: InfluxDb, measurement: str, field: str, where: str) -> int:
    """How many points of a measurement have the field."""
    found = rows(database, f"SELECT count({field}) FROM {measurement} WHERE {where}")  # noqa: S608
    return int(found[0]["count"]) if found else 0


def write(database: InfluxDb, line: str) -> None:
    query = urllib.parse.urlencode(
        {"org": database.org, "bucket": database.bucket, "precision": "us"}
    )
    _post(database, f"/api/v2/write?{query}", line, "text/plain")


def settings(database: InfluxDb, **changes: str) -> dict[str, str]:
    """The environment that makes a part write into this database."""
    given = {
        "url": database.url,
        "token": database.token,
        "org": database.org,
        "bucket": database.bucket,
    } | changes
    return {f"HEARTWARD_INFLUX_{name.upper()}": value for name, value in given.items()}


def _post(database: InfluxDb, path: str, body: str, content_type: str) -> bytes:
    request = urllib.request.Request(  # noqa: S310 (the loopback)
        database.url + path,
        body.encode(),
        {"Authorization": f"Token {database.token}", "Content-Type": content_type},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (as above)
        content: bytes = answer.read()
    return content
