"""Single sign-on: who the provider knows gets in, and sees nothing until somebody grants it."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from mozilla_django_oidc.auth import OIDCAuthenticationBackend


class Backend(OIDCAuthenticationBackend):
    """The provider's `preferred_username` is the user's name here."""

    def get_username(self, claims: dict[str, Any]) -> str:
        return str(claims.get("preferred_username") or claims.get("sub"))

    def verify_claims(self, claims: dict[str, Any]) -> bool:
        """Whether they name anybody; an e-mail address is not asked for."""
        return bool(claims.get("preferred_username") or claims.get("sub"))

    def filter_users_by_claims(self, claims: dict[str, Any]) -> Any:
        return self.UserModel.objects.filter(username=self.get_username(claims))

    def verify_token(self, token: str, **kwargs: Any) -> Any:
        """As the library does, and refuse what was issued for another program."""
        payload = super().verify_token(token, **kwargs)
        meant = payload.get("aud", [])
        if self.OIDC_RP_CLIENT_ID not in ([meant] if isinstance(meant, str) else meant):
            raise SuspiciousOperation("the token was issued for another program")
        return payload
