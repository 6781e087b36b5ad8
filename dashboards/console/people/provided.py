"""Roles as the provider of single sign-on says, where it is asked for them."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from dashboards.console.audit import log
from dashboards.console.lib.provided_roles import claimed, granted
from dashboards.console.people.access import Role
from dashboards.console.people.models import Membership


@transaction.atomic
def give_roles(user: Any, claims: Mapping[str, Any]) -> None:
    """Let the user have the roles that the claim stands for, and no other.

    So who loses a group of the provider's loses the role with the next login. The right to raw
    sound is given here, and stays with the role in its ward.
    """
    if not settings.PROVIDED_ROLES_CLAIM:
        return
    said = granted(claimed(claims, settings.PROVIDED_ROLES_CLAIM), settings.PROVIDED_ROLES)
    roles = {ward: Role[name.upper()] for ward, name in said.items()}
    held = Membership.objects.filter(user=user)
    if {one.ward: one.role for one in held} == roles:
        return
    held.exclude(ward__in=roles).delete()
    for ward, role in roles.items():
        Membership.objects.update_or_create(user=user, ward=ward, defaults={"role": role})
    log.write(
        "single sign-on",
        "user changed",
        subject=user.get_username(),
        why="as the provider says",
        roles=[one.in_words() for one in held.order_by("ward")],
    )
