"""A feed that is open for a whole shift goes by what holds now, not by what held when it began."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model, login, logout
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory

from dashboards.console.live.hub import Interest
from dashboards.console.people.access import Role
from dashboards.console.people.models import ApiToken, Membership
from dashboards.console.ward import feed

pytestmark = pytest.mark.django_db

WEST = Interest(wards=frozenset({"west"}), unassigned=True)


@pytest.fixture
def nina() -> Any:
    made = get_user_model().objects.create_user("nina", password="right")  # noqa: S106 (a test's)
    Membership.objects.create(user=made, role=Role.NURSE, ward="west")
    return made


def _request(session_key: str | None = None, **headers: str) -> HttpRequest:
    request = RequestFactory().get("/api/v1/feed", headers=headers)
    request.session = SessionStore(session_key)
    return request


@pytest.fixture
def session_key(nina: Any) -> str:
    request = _request()
    login(request, nina, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    return str(request.session.session_key)


def _ends_session(_nina: Any, key: str) -> None:
    logout(_request(key))


def _changes_password(nina: Any, _key: str) -> None:
    nina.set_password("another")
    nina.save()


def _is_shut_out(nina: Any, _key: str) -> None:
    nina.is_active = False
    nina.save()


def test_who_is_still_logged_in_goes_on(session_key: str) -> None:
    assert feed._interest_now(_request(session_key), WEST) == WEST


@pytest.mark.parametrize("event", [_ends_session, _changes_password, _is_shut_out])
def test_a_session_that_is_over_ends_the_feed(
    nina: Any, session_key: str, event: Callable[[Any, str], None]
) -> None:
    event(nina, session_key)
    assert feed._interest_now(_request(session_key), WEST) is None


def test_a_session_that_is_too_old_ends_the_feed(session_key: str, settings: Any) -> None:
    settings.SESSION_COOKIE_AGE = -1
    store = SessionStore(session_key)
    store.save()
    assert feed._interest_now(_request(session_key), WEST) is None


def test_rights_that_are_taken_away_change_what_is_sent(nina: Any, session_key: str) -> None:
    Membership.objects.filter(user=nina).update(ward="east")
    now = feed._interest_now(_request(session_key), WEST)
    assert now == Interest(wards=frozenset({"east"}), unassigned=True)


def test_a_token_that_is_removed_ends_the_feed(nina: Any) -> None:
    request = _request(Authorization=f"Token {ApiToken.make(nina)}")
    assert feed._interest_now(request, WEST) == WEST
    ApiToken.objects.all().delete()
    assert feed._interest_now(request, WEST) is None
