"""Who must give a one-time code beside the password, and has not."""

from typing import Any

from django.conf import settings
from django_otp.plugins.otp_totp.models import TOTPDevice


def is_enrolled(user: Any) -> bool:
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def lacks_second_factor(user: Any) -> bool:
    """Whether this session's user still has to give a code, or to enrol."""
    if not user.is_authenticated or user.is_verified():
        return False
    return bool(settings.CONSOLE.require_second_factor) or is_enrolled(user)
