"""Who may use the interface; each view asks besides for the ward that it is about."""

from typing import Any

from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import BasePermission

from dashboards.console.people.access import Access, Role
from dashboards.console.people.models import access_of


class HasAnyRole(BasePermission):
    """Logged in, and granted something."""

    message = "nothing was granted to you yet"

    def has_permission(self, request: Any, _view: Any) -> bool:
        return request.user.is_authenticated and access_of(request.user).highest is not None


class IsAdministrator(BasePermission):
    """Administrator of every ward."""

    message = "only administrators of every ward may do this"

    def has_permission(self, request: Any, _view: Any) -> bool:
        return request.user.is_authenticated and access_of(request.user).may_everywhere(Role.ADMIN)


def require(request: Any, role: Role, ward: str | None) -> Access:
    """Let through who holds the role in the ward.

    Raises
    ------
    NotFound
        Where the asker may not even look, so that nobody learns what there is elsewhere.
    PermissionDenied
        Where looking is allowed and this is not.
    """
    access = access_of(request.user)
    if not access.may(Role.VIEWER, ward):
        raise NotFound("there is no such thing, or not for you")
    if not access.may(role, ward):
        raise PermissionDenied(f"this needs the role {role.name.lower()}")
    return access
