"""Log in and out, and look after one's own account."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_GET, require_POST

from dashboards.console.audit import log
from dashboards.console.people.models import ApiToken
from dashboards.console.people.second_factor import is_enrolled


class Login(auth_views.LoginView):
    template_name = "people/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"single_sign_on": settings.SINGLE_SIGN_ON}


class Logout(auth_views.LogoutView):
    """Out of the provider's session, too, where single sign-on began it and says how to end it.

    Else the next person at this screen would be let in as this one by a click.
    """

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        onward = _provider_logout(request)
        answer: HttpResponse = super().post(request, *args, **kwargs)
        return redirect(onward) if onward else answer


def _provider_logout(request: HttpRequest) -> str | None:
    if not (settings.SINGLE_SIGN_ON and settings.CONSOLE.oidc_logout_url):
        return None
    from dashboards.console.people import single_sign_on_views as provided  # noqa: PLC0415 (an extra)

    return provided.provider_logout(request) if provided.is_provided(request) else None


class ChangePassword(auth_views.PasswordChangeView):
    template_name = "people/password.html"
    success_url = reverse_lazy("profile")


@require_GET
def profile(request: HttpRequest) -> HttpResponse:
    context = {
        "tokens": request.user.api_tokens.all(),
        "is_enrolled": is_enrolled(request.user),
        "new_token": request.session.pop("new_token", None),
    }
    return render(request, "people/profile.html", context)


@require_POST
def make_token(request: HttpRequest) -> HttpResponse:
    """Make a token; it is shown once."""
    name = request.POST.get("name", "").strip()
    request.session["new_token"] = ApiToken.make(request.user, name)
    log.note(request, "token made", subject=name)
    return redirect("profile")


@require_POST
def remove_token(request: HttpRequest, number: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=number, user=request.user)
    log.note(request, "token removed", subject=token.name)
    token.delete()
    messages.success(request, "The token is no longer valid.")
    return redirect("profile")
