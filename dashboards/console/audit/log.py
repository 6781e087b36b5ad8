"""Write down what somebody did."""

from typing import Any, Literal

from django.http import HttpRequest

from dashboards.console.audit.models import AuditEntry

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
        str(request.user.get_username()) or "-",
        action,
        ward=ward,
        subject=subject,
        address=request.META.get("REMOTE_ADDR") or None,
        **detail,
    )


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
