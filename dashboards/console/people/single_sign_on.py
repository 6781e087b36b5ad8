"""Single sign-on: who the provider knows gets in, and sees nothing until somebody grants it."""

import re
from typing import Any

import jwt
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from dashboards.console.people.models import ProvidedLogin
from dashboards.console.people.provided import give_roles

_NAME = re.compile(r"[\w.@+-]{1,150}")
_LEEWAY_S = 60


class Backend(OIDCAuthenticationBackend):
    """Whom the provider calls by this `sub` is the same user at every login.

    The first time the provider's `preferred_username` becomes the user's name here. It may be
    somebody else's tomorrow, so it finds no user who has a password, nor one whom the provider
    has let in under another `sub`.
    """

    def get_username(self, claims: dict[str, Any]) -> str:
        return str(claims.get("preferred_username") or claims["sub"])

    def verify_claims(self, claims: dict[str, Any]) -> bool:
        """Whether they name anybody; an e-mail address is not asked for."""
        return bool(claims.get("sub") and _NAME.fullmatch(self.get_username(claims)))

    def filter_users_by_claims(self, claims: dict[str, Any]) -> Any:
        users = self.UserModel.objects
        known = users.filter(
            provided_login__issuer=settings.OIDC_RP_ISSUER, provided_login__subject=claims["sub"]
        )
        if known.exists():
            return known
        named = users.filter(username=self.get_username(claims)).first()
        if named is None:
            return users.none()
        is_anothers = ProvidedLogin.objects.filter(user=named).exists()
        if is_anothers or named.is_superuser or named.has_usable_password():
            raise SuspiciousOperation(f"the name {named.username} belongs to another account")
        self._remember(named, claims)
        return users.filter(pk=named.pk)

    @transaction.atomic
    def create_user(self, claims: dict[str, Any]) -> Any:
        made = self.UserModel.objects.create_user(self.get_username(claims))
        self._remember(made, claims)
        give_roles(made, claims)
        return made

    def update_user(self, user: Any, claims: dict[str, Any]) -> Any:
        give_roles(user, claims)
        return user

    def get_user(self, user_id: Any) -> Any:
        """None as soon as the account is closed, whatever session it still has."""
        user = super().get_user(user_id)
        return user if user is not None and user.is_active else None

    def verify_token(self, token: str, **kwargs: Any) -> Any:
        """As the library does, and all else that OpenID Connect asks of an identity token."""
        payload = super().verify_token(token, **kwargs)
        meant = payload.get("aud", [])
        meant = [meant] if isinstance(meant, str) else meant
        if self.OIDC_RP_CLIENT_ID not in meant:
            raise SuspiciousOperation("the token was issued for another program")
        if len(meant) > 1 and payload.get("azp") != self.OIDC_RP_CLIENT_ID:
            raise SuspiciousOperation("the token was issued to another program")
        if payload.get("iss") != settings.OIDC_RP_ISSUER:
            raise SuspiciousOperation(f"the token was issued by {str(payload.get('iss'))[:100]}")
        if "nonce" in kwargs and not (payload.get("exp") and payload.get("sub")):
            raise SuspiciousOperation("the token names nobody, or no end")
        return payload

    def get_userinfo(self, access_token: str, id_token: str, payload: dict[str, Any]) -> Any:
        claims = super().get_userinfo(access_token, id_token, payload)
        if claims.get("sub") != payload["sub"]:
            raise SuspiciousOperation("what the provider tells is of somebody else")
        # Some providers tell roles in the token alone.
        head = (settings.PROVIDED_ROLES_CLAIM or "").partition(".")[0]
        return {head: payload[head]} | claims if head in payload else claims

    def _remember(self, user: Any, claims: dict[str, Any]) -> None:
        ProvidedLogin.objects.create(
            user=user, issuer=settings.OIDC_RP_ISSUER, subject=claims["sub"]
        )

    def _verify_jws(self, payload: str, key: Any) -> Any:
        """The library's own knows no clocks that differ, and trips over a token that is over."""
        try:
            return jwt.decode(
                payload,
                key,
                algorithms=[self.OIDC_RP_SIGN_ALGO],
                leeway=_LEEWAY_S,
                options={"verify_aud": False},  # `verify_token` does
            )
        except jwt.InvalidTokenError as error:
            raise SuspiciousOperation(f"the token is not valid: {error}") from None
