"""Who may do what where, and the tokens of programs."""

import hashlib
import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone

from dashboards.console.people.access import EVERYTHING, EVERYWHERE, Access, Grant, Role

_TOKEN_PREFIX = "hw_"  # noqa: S105 (so that a leaked one can be told for what it is)
_SHOWN = 10


class Membership(models.Model):
    """A role of a user in a ward; an empty ward stands for all."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    ward = models.CharField(max_length=64, blank=True, default=EVERYWHERE)
    role = models.PositiveSmallIntegerField(
        choices=[(role.value, role.name.lower()) for role in Role]
    )
    may_listen_raw = models.BooleanField(default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "ward"), name="one_role_a_ward"),)

    def __str__(self) -> str:
        return f"{self.user}: {Role(self.role).name.lower()} in {self.ward or 'every ward'}"

    def in_words(self) -> str:
        """``clinician in west, raw sound``."""
        what = f"{Role(self.role).name.lower()} in {self.ward or 'every ward'}"
        return f"{what}, raw sound" if self.may_listen_raw else what

    def grant(self) -> Grant:
        return Grant(self.ward, Role(self.role), self.may_listen_raw)


class ProvidedLogin(models.Model):
    """Whom the provider of single sign-on means, by what it never gives to anybody else."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provided_login"
    )
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("issuer", "subject"), name="one_user_a_subject"),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.subject} of {self.issuer}"


class ApiToken(models.Model):
    """What a program proves itself with; only its hash is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=80, blank=True)
    shown = models.CharField(max_length=_SHOWN)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.user}: {self.shown}..."

    @classmethod
    def make(cls, user: object, name: str = "") -> str:
        """Make a token and return it; it cannot be read again."""
        key = _TOKEN_PREFIX + secrets.token_urlsafe(32)
        cls.objects.create(user=user, name=name[:80], shown=key[:_SHOWN], digest=_digest(key))
        return key

    @classmethod
    def of_key(cls, key: str) -> "ApiToken | None":
        """The token, if somebody's who is active; notes that it was used, by the hour."""
        found = cls.objects.select_related("user").filter(digest=_digest(key)).first()
        if found is None or not found.user.is_active:
            return None
        now = timezone.now()
        if found.used_at is None or (now - found.used_at).total_seconds() > 3600:
            cls.objects.filter(pk=found.pk).update(used_at=now)
        known: ApiToken = found
        return known


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def access_of(user: object) -> Access:
    """What a user may; kept on the user for the length of a request."""
    known: Access | None = getattr(user, "_console_access", None)
    if known is None:
        known = _access(user)
        user._console_access = known  # type: ignore[attr-defined] # noqa: SLF001
    return known


def _access(user: object) -> Access:
    if not getattr(user, "is_authenticated", False) or not getattr(user, "is_active", False):
        return Access()
    if getattr(user, "is_superuser", False):
        return EVERYTHING
    return Access.of(m.grant() for m in Membership.objects.filter(user=user))
