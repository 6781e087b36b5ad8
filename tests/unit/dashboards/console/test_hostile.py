"""The interface under whatever its own document allows, and what it does not."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode

from dashboards.console.admissions import desk
from dashboards.console.live.room import Room
from dashboards.console.people.access import Role
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import fill

pytestmark = pytest.mark.django_db

_EXAMPLES = 15
_KNOWN = {"device_id": "dev-west-1", "assignment_id": "west-1", "episode_id": "e1"}
# They wait for brokers, which are not here, or never end.
_SLOW = ("/api/v1/beds/{device_id}/sound", "/api/v1/beds/{device_id}/feed", "/api/v1/feed")


def _operations() -> Iterator[APIOperation[Any, Any, Any, Any]]:
    document = SchemaGenerator().get_schema(request=None, public=True)
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()  # type: ignore[union-attr] # the document is our own
        if operation.path not in _SLOW:
            yield operation


def _send(client: Client, case: Case[Any]) -> Any:
    path = case.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace("{" + name + "}", quote(str(value), safe="") or "-")
    query = {k: v for k, v in (case.query or {}).items() if v is not None}
    body = json.dumps(case.body, default=str) if isinstance(case.body, dict | list) else ""
    return client.generic(
        case.method,
        f"{path}?{urlencode(query, doseq=True)}" if query else path,
        body.encode(errors="replace"),
        content_type="application/json",
    )


@pytest.fixture
def administrator(room: Room, program_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Who may most, in a ward with a bed; nobody brings what is posted to Kafka."""
    fill(room, ("west", 1))
    desk.mirror(examples.assignment())
    monkeypatch.setattr("dashboards.console.api.live_views._STORED_WITHIN_S", 0.0)
    client = program_of(Role.ADMIN, raw=True)
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("operation", tuple(_operations()), ids=lambda one: one.label)
@pytest.mark.parametrize("known", [True, False], ids=["of a known bed", "of anything"])
def test_nothing_that_is_sent_breaks_the_interface(
    administrator: Client, operation: Any, *, known: bool
) -> None:
    right, wrong = (operation.as_strategy(mode) for mode in GenerationMode)

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(right, wrong))
    def attack(case: Case[Any]) -> None:
        if known:
            for name in set(case.path_parameters or ()) & set(_KNOWN):
                case.path_parameters[name] = _KNOWN[name]
        answer = _send(administrator, case)
        assert answer.status_code < 500, (case.method, case.path, case.body, answer.content)

    attack()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a":' * 2000, b'{"limits": NaN}']
)
def test_what_is_no_json_object_is_refused_in_words(administrator: Client, body: bytes) -> None:
    for method, path in (
        ("POST", "/api/v1/alarms/actions"),
        ("PUT", "/api/v1/assignments/west-1/limits"),
    ):
        answer = administrator.generic(method, path, body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()
