"""What stands in the head of every page."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from dashboards.console.people.access import Role
from dashboards.console.people.models import access_of


class Entry(NamedTuple):
    """A place to go; shown to those who hold the role anywhere, if there is such a page."""

    view: str
    title: str
    role: Role
    in_menu: bool = False


ENTRIES = (
    Entry("ward", "Ward", Role.VIEWER),
    Entry("alarms", "Alarms", Role.VIEWER),
    Entry("handover", "Handover", Role.VIEWER),
    Entry("admissions", "Admissions", Role.NURSE),
    Entry("recordings", "Recordings", Role.VIEWER),
    Entry("users", "Users", Role.ADMIN, in_menu=True),
    Entry("audit", "Audit", Role.ADMIN, in_menu=True),
    Entry("notifications", "Notifications", Role.ADMIN, in_menu=True),
)


def of_page(request: HttpRequest) -> dict[str, Any]:
    """A context processor."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": []}
    access = access_of(user)
    highest = access.highest
    match = request.resolver_match
    here = match.url_name if match else None
    return {
        "access": access,
        "is_nurse": highest is not None and highest >= Role.NURSE,
        "is_clinician": highest is not None and highest >= Role.CLINICIAN,
        "is_admin": highest is not None and highest >= Role.ADMIN,
        "navigation": _entries(highest, here, in_menu=False),
        "administration": _entries(highest, here, in_menu=True),
    }


def _entries(highest: Role | None, here: str | None, *, in_menu: bool) -> list[dict[str, Any]]:
    return [
        {"url": url, "title": entry.title, "here": entry.view == here}
        for entry in ENTRIES
        if entry.in_menu is in_menu
        and (url := _url(entry.view))
        and highest is not None
        and highest >= entry.role
    ]


def _url(view: str) -> str | None:
    try:
        return str(reverse(view))
    except NoReverseMatch:
        return None
