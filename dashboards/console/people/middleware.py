"""Who is not logged in sees the login page, and who owes a one-time code sees that page."""

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

from dashboards.console.people.second_factor import is_enrolled, lacks_second_factor

_WITHOUT_CODE = frozenset({"login", "logout", "code", "enrol"})


class RequireLogin(LoginRequiredMiddleware):
    """As Django's own, and with the second factor."""

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponse | None:
        refusal: HttpResponse | None = super().process_view(
            request, view_func, view_args, view_kwargs
        )
        is_open = not getattr(view_func, "login_required", True)
        match = request.resolver_match
        if refusal is not None or is_open or (match and match.url_name in _WITHOUT_CODE):
            return refusal
        if lacks_second_factor(request.user):
            if request.headers.get("Accept", "").startswith(("application/json", "text/event")):
                return JsonResponse({"detail": "the one-time code is missing"}, status=403)
            return redirect("code" if is_enrolled(request.user) else "enrol")
        return None
