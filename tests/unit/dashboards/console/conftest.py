"""A console without Kafka: a live ward fed by the test, users with one role each."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from dashboards.console.live import current
from dashboards.console.live.room import Room
from dashboards.console.people.access import EVERYWHERE, Role
from dashboards.console.people.models import ApiToken, Membership
from tests.unit.dashboards.console.examples import NOW_US

MakeUser = Callable[..., Any]
ClientOf = Callable[..., Client]


@pytest.fixture
def room() -> Iterator[Room]:
    """The live ward of this process, at a fixed time."""
    made = Room(lambda: NOW_US)
    made.filled.set()
    current.enter(made)
    yield made
    current.enter(None)


@pytest.fixture
def make_user(db: None) -> MakeUser:  # noqa: ARG001 (a fixture is asked for by its name)
    def make(role: Role | None, ward: str = EVERYWHERE, *, raw: bool = False) -> Any:
        name = f"{role.name.lower() if role else 'nobody'}-{ward or 'all'}"
        user, _ = get_user_model().objects.get_or_create(username=name)
        if role is not None:
            Membership.objects.update_or_create(
                user=user, ward=ward, defaults={"role": role, "may_listen_raw": raw}
            )
        return user

    return make


@pytest.fixture
def client_of(make_user: MakeUser) -> ClientOf:
    """A browser that is logged in as somebody with this role."""

    def client(role: Role | None, ward: str = EVERYWHERE, *, raw: bool = False) -> Client:
        browser = Client()
        browser.force_login(
            make_user(role, ward, raw=raw), backend="django.contrib.auth.backends.ModelBackend"
        )
        return browser

    return client


@pytest.fixture
def program_of(make_user: MakeUser) -> ClientOf:
    """A program with a token of somebody with this role."""

    def client(role: Role | None, ward: str = EVERYWHERE, *, raw: bool = False) -> Client:
        token = ApiToken.make(make_user(role, ward, raw=raw))
        return Client(headers={"Authorization": f"Token {token}"})

    return client
