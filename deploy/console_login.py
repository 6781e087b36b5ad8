"""Where the console of this machine listens, and who gets in."""

import importlib.util
import secrets
import socket
from collections.abc import Callable
from functools import wraps

from deploy.embedded import LOOPBACK, free_port
from deploy.local_stack import Login, port_of
from ingest.connections import load

USUAL_PORT = 8000
DEMO_USER = "demo"
_NEEDED = ("django", "uvicorn", "rest_framework", "axes", "csp", "django_otp", "whitenoise")


def is_installed() -> bool:
    """Whether the console's libraries are there; without them a ward runs all the same."""
    return all(importlib.util.find_spec(name) is not None for name in _NEEDED)


def _where_installed(make: Callable[[int | None], Login]) -> Callable[[int | None], Login | None]:
    """Give none where the libraries are missing; `UserError` says that a port is in use."""

    @wraps(make)
    def login(port: int | None) -> Login | None:
        return make(port) if is_installed() else None

    return login


@_where_installed
def demonstration_login(port: int | None) -> Login:
    """A login with a new password."""
    return Login(port=_usable(port), user=DEMO_USER, password=secrets.token_urlsafe(9))


@_where_installed
def own_login(port: int | None) -> Login:
    """The people whom the console knows already, at the port that its own settings may name."""
    from dashboards.console.configuration import ConsoleSettings  # noqa: PLC0415 (an extra's)

    settings = load(ConsoleSettings)
    if port is None and "port" in settings.model_fields_set:
        return Login(port=port_of(settings.port, "HEARTWARD_CONSOLE_PORT"))
    return Login(port=_usable(port))


def said(login: Login | None) -> str:
    """One line for the terminal."""
    if login is None:
        return "No console: pip install 'heartward[console]'"
    if login.user is None:
        return f"Console: {login.address}"
    return f"Console: {login.address} user {login.user} password {login.password}"


def _usable(wanted: int | None) -> int:
    if wanted is not None:
        return port_of(wanted, "--port")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, USUAL_PORT))
        except OSError:
            return free_port()
    return USUAL_PORT


def new_token(user: str) -> str:
    """A token for programs; of a console that runs, or that has run in the same folder.

    Raises
    ------
    UserError
        When there is no such user, or no console here.
    """
    from dashboards.console.configuration import ConsoleSettings  # noqa: PLC0415 (slow to load)
    from dashboards.console.serve import prepare  # noqa: PLC0415 (it needs Django)

    prepare(load(ConsoleSettings))
    from dashboards.console.people.accounts import token_for  # noqa: PLC0415 (after its set-up)

    return token_for(user)
