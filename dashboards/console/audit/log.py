"""Write down what somebody did."""

from datetime import timedelta
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone

from dashboards.console.audit.models import AuditEntry

HOUR = timedelta(hours=1)

Action = Literal[
    "login",
    "logout",
    "login failed",
    "view",
    "listen",
    "listen raw",
    "acknowledge",
    "pause_audio",
    "resume",
    "shelve",
    "standby",
    "admit",
    "move",
    "discharge",
    "change limits",
    "identity read",
    "identity changed",
    "note",
    "label",
    "export",
    "user changed",
    "token made",
    "token removed",
    "second factor",
    "model chosen",
    "ward changed",
    "upload",
    "delete recording",
    "examine",
    "erase",
    "notification rule",
]


def note(
    request: HttpRequest,
    action: Action,
    *,
    ward: str | None = "",
    subject: str = "",
    **detail: Any,
) -> None:
    """Write it down in the name of the request's user."""
    write(
        _actor(request),
        action,
        ward=ward,
        subject=subject,
        address=request.META.get("REMOTE_ADDR") or None,
        **detail,
    )


def note_view(
    request: HttpRequest,
    *,
    ward: str | None = "",
    subject: str,
    within: timedelta = timedelta(minutes=1),
) -> None:
    """Write down that it was looked at; once in this time, for pages and programs ask often."""
    same = AuditEntry.objects.filter(
        actor=_actor(request), action="view", ward=ward or "", subject=subject[:200]
    )
    if not same.filter(at__gt=timezone.now() - within).exists():
        note(request, "view", ward=ward, subject=subject)


def write(
    actor: str,
    action: Action,
    *,
    ward: str | None = "",
    subject: str = "",
    address: str | None = None,
    **detail: Any,
) -> None:
    """Write it down in anybody's name."""
    AuditEntry.objects.create(
        actor=actor[:150],
        action=action,
        ward=ward or "",
        subject=subject[:200],
        detail=detail,
        address=address,
    )


def _actor(request: HttpRequest) -> str:
    return str(request.user.get_username())[:150] or "-"
