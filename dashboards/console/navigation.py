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


ENTRIES = (
    Entry("ward", "Ward", Role.VIEWER),
    Entry("alarms", "Alarms", Role.VIEWER),
    Entry("handover", "Handover", Role.VIEWER),
    Entry("admissions", "Admissions", Role.NURSE),
    Entry("recordings", "Recordings", Role.VIEWER),
    Entry("users", "Users", Role.ADMIN),
    Entry("audit", "Audit", Role.ADMIN),
    Entry("notifications", "Notifications", Role.ADMIN),
)


def of_page(request: HttpRequest) -> dict[str, Any]:
    """A context processor."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": []}
    access = access_of(user)
    match = request.resolver_match
    here = match.url_name if match else None
    return {
        "access": access,
        "is_nurse": access.highest is not None and access.highest >= Role.NURSE,
        "is_clinician": access.highest is not None and access.highest >= Role.CLINICIAN,
        "is_admin": access.highest is not None and access.highest >= Role.ADMIN,
        "navigation": [
            {"url": url, "title": entry.title, "here": entry.view == here}
            for entry in ENTRIES
            if (url := _url(entry.view)) and access.highest and access.highest >= entry.role
        ],
    }


def _url(view: str) -> str | None:
    try:
        return str(reverse(view))
    except NoReverseMatch:
        return None
