"""What browsers are told beside the content security policy, and by a console that just started."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboards.console.live.current import NotYetError

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


class NotYet:
    """A page that asks for a ward which is not known yet says so, and comes again by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, NotYetError):
            return None
        answer = render(request, "503.html", status=503)
        answer.headers["Retry-After"] = "2"
        return answer
