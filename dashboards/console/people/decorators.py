"""Refuse a page to who may not see it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from dashboards.console.people.access import Role
from dashboards.console.people.models import access_of

View = Callable[..., HttpResponse]


def needs(role: Role, *, everywhere: bool = False) -> Callable[[View], View]:
    """Let in who holds the role in some ward, or in all of them."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            access = access_of(request.user)
            highest = access.highest
            if (
                highest is None
                or highest < role
                or (everywhere and not access.may_everywhere(role))
            ):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def require(request: HttpRequest, role: Role, ward: str | None) -> None:
    """Raise `PermissionDenied` unless the role is held in this ward."""
    if not access_of(request.user).may(role, ward):
        raise PermissionDenied
