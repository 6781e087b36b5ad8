"""What browsers are told beside the content security policy, and what no page can look for."""

import sys
from collections.abc import Callable
from ipaddress import ip_address

from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 (nobody listens on it)
_AWAY = (OperationalError, InterfaceError)
_RETRY_S = 5
_PERMISSIONS = "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"


def browser_rights(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse what no page needs, and let nobody keep a patient's page in a cache."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def plain_address(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Let the browser's address be one: some proxies add a port, or say that they do not know it.

    PostgreSQL stores addresses alone, and nobody could log in.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        request.META["REMOTE_ADDR"] = _address(request.META.get("REMOTE_ADDR", ""))
        return get_response(request)

    return middleware


def _address(said: str) -> str:
    for text in (said, said.rpartition(":")[0].strip("[]")):
        try:
            return str(ip_address(text))
        except ValueError:
            continue
    return UNKNOWN_ADDRESS


class Unstorable:
    """A page that is asked for what no database can hold says so.

    PostgreSQL takes no character 0 in any text, and SQLite finds nothing by it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return render(request, "400.html", status=400) if isinstance(error, DataError) else None


class DatabaseAway:
    """A page that the database does not serve says so and comes again by itself.

    Nothing is shown of which it cannot be written down who saw it: so while nothing can be written
    a page waits as long as the database lets it, and then there is none.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return _database_away(request) if isinstance(error, _AWAY) else None


def server_error(request: HttpRequest) -> HttpResponse:
    """What is uncaught; a database that is away also where sessions are read or saved."""
    if isinstance(sys.exception(), _AWAY):
        return _database_away(request)
    answer: HttpResponse = defaults.server_error(request)
    return answer


def _database_away(request: HttpRequest) -> HttpResponse:
    """Made without the request: who asks for its user asks the database."""
    is_form = request.method not in ("GET", "HEAD")
    words = "What was sent was not taken: go back and send it again." if is_form else ""
    page = render_to_string("database_away.html", {"words": words, "retry_s": _RETRY_S})
    return HttpResponse(page, status=503, headers={"Retry-After": str(_RETRY_S)})
