"""How the interface knows who asks: a token, or the session of a page."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions

from dashboards.console.people.models import ApiToken
from dashboards.console.people.second_factor import lacks_second_factor

_KEYWORDS = (b"token", b"bearer")


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Token KEY``; ``Bearer`` is understood too."""

    def authenticate(self, request: Any) -> tuple[Any, ApiToken] | None:
        words = authentication.get_authorization_header(request).split()
        if not words or words[0].lower() not in _KEYWORDS:
            return None
        if len(words) != 2:
            raise exceptions.AuthenticationFailed("the header is not: Authorization: Token KEY")
        token = ApiToken.of_key(words[1].decode("latin-1"))
        if token is None:
            raise exceptions.AuthenticationFailed("this token is not known")
        return token.user, token

    def authenticate_header(self, _request: Any) -> str:
        return "Token"


class SessionAuthentication(authentication.SessionAuthentication):
    """A page's session, once its second factor is given where one is due."""

    def authenticate(self, request: Any) -> tuple[Any, None] | None:
        found: tuple[Any, None] | None = super().authenticate(request)
        if found is not None and lacks_second_factor(found[0]):
            raise exceptions.AuthenticationFailed("the one-time code is still to be given")
        return found


class _TokenScheme(OpenApiAuthenticationExtension):
    target_class = "dashboards.console.people.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class _SessionScheme(OpenApiAuthenticationExtension):
    target_class = "dashboards.console.people.tokens.SessionAuthentication"
    name = "session"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
