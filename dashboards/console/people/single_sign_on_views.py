"""Back from the provider: in, or to the login page with a reason; and out of both again."""

import logging
from typing import Any
from urllib.parse import urlencode

import jwt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import BACKEND_SESSION_KEY
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView
from requests.exceptions import RequestException

from dashboards.console.audit import log

_BACKEND = "dashboards.console.people.single_sign_on.Backend"
_AWAY = "The provider of single sign-on does not answer. Try again, or log in with a password."
_REFUSED = "Single sign-on has not let you in. Try again, or ask an administrator."

_log = logging.getLogger(__name__)


class Callback(OIDCAuthenticationCallbackView):
    """As the library's; whatever goes wrong is said on the login page and written down."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            answer: HttpResponse = super().get(request)
        except RequestException as error:
            return self._failed(f"the provider does not answer: {type(error).__name__}", _AWAY)
        except (SuspiciousOperation, jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            return self._failed(str(error) or type(error).__name__, _REFUSED)
        return answer

    def login_failure(self) -> HttpResponse:
        said = str(self.request.GET.get("error", "nobody was let in"))
        return self._failed(said, _REFUSED)

    def _failed(self, why: str, words: str) -> HttpResponse:
        _log.warning("single sign-on: %s", why)
        if self.request.user.is_authenticated:  # who comes back to a page that was used already
            return redirect("ward")
        address = self.request.META.get("REMOTE_ADDR")
        log.write("single sign-on", "login failed", address=address, why=why[:200])
        messages.error(self.request, words)
        return redirect("login")


def is_provided(request: HttpRequest) -> bool:
    """Whether this session was begun by single sign-on."""
    return bool(request.session.get(BACKEND_SESSION_KEY) == _BACKEND)


def provider_logout(request: HttpRequest) -> str:
    """Where a browser ends the provider's session, too, and comes back from."""
    back = request.build_absolute_uri(reverse("login"))
    asked: dict[str, Any] = {
        "client_id": settings.OIDC_RP_CLIENT_ID,
        "post_logout_redirect_uri": back,
    }
    address = str(settings.CONSOLE.oidc_logout_url)
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"
