"""Logins, logouts and failures are written down."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from dashboards.console.audit import log


def _address(request: Any) -> str | None:
    return None if request is None else request.META.get("REMOTE_ADDR") or None


@receiver(user_logged_in)
def _logged_in(request: Any, user: Any, **_: Any) -> None:
    log.write(user.get_username(), "login", address=_address(request))


@receiver(user_logged_out)
def _logged_out(request: Any, user: Any, **_: Any) -> None:
    if user is not None:
        log.write(user.get_username(), "logout", address=_address(request))


@receiver(user_login_failed)
def _login_failed(credentials: dict[str, Any], request: Any = None, **_: Any) -> None:
    log.write(str(credentials.get("username", "-")), "login failed", address=_address(request))
