"""What a page says of a ward that is not known yet."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboards.console.live.current import NotYetError


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
