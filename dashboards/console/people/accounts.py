"""Make people and their tokens without a page: at start, and from the command line."""

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password

from dashboards.console.audit import log
from dashboards.console.people.access import EVERYWHERE, Role
from dashboards.console.people.models import ApiToken, Membership
from models.errors import UserError


def ensure_administrator(name: str, password: str) -> None:
    """Let this user in with this password, as administrator of every ward."""
    user, made = get_user_model().objects.get_or_create(username=name)
    if made or not check_password(password, user.password):
        user.set_password(password)
        user.save()
    Membership.objects.update_or_create(
        user=user, ward=EVERYWHERE, defaults={"role": Role.ADMIN, "may_listen_raw": True}
    )


def token_for(name: str) -> str:
    """A new token of a user.

    Raises
    ------
    UserError
        When there is no such user; those that there are are named.
    """
    users = get_user_model().objects
    user = users.filter(username=name, is_active=True).first()
    if user is None:
        known = ", ".join(users.filter(is_active=True).values_list("username", flat=True)[:10])
        raise UserError(f"there is no user {name!r}; known are: {known or 'none yet'}")
    log.write(name, "token made", subject=name, by="command line")
    return ApiToken.make(user, "command line")
