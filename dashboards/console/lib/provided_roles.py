"""Which roles a claim of a provider of single sign-on stands for; pure.

What the provider calls a group or role is written as ``VALUE=ROLE`` for every ward or
``VALUE=ROLE@WARD`` for one; a semicolon parts them, as names of directories have commas.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

ROLES = ("viewer", "nurse", "clinician", "admin")  # each may all that the one before it may


class ProvidedRole(NamedTuple):
    """A role in a ward; an empty ward stands for all."""

    role: str
    ward: str


def parsed(text: str) -> dict[str, tuple[ProvidedRole, ...]]:
    """By value of the claim, the roles that it stands for.

    Raises
    ------
    ValueError
        In one line, for what is no VALUE=ROLE or VALUE=ROLE@WARD.
    """
    roles: dict[str, tuple[ProvidedRole, ...]] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        value, _, meant = part.rpartition("=")
        role, at, ward = meant.strip().partition("@")
        if not value.strip() or role not in ROLES or (at and not ward):
            raise ValueError(
                f"{part[:60]!r} is no VALUE=ROLE or VALUE=ROLE@WARD: roles are {', '.join(ROLES)}"
            )
        value = value.strip()
        roles[value] = (*roles.get(value, ()), ProvidedRole(role, ward))
    return roles


def claimed(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The values of a claim; a dot leads into it, as in ``realm_access.roles``."""
    said: Any = claims
    for part in name.split("."):
        said = said.get(part) if isinstance(said, Mapping) else None
    values = said if isinstance(said, list) else [said]
    return tuple(value for value in values if isinstance(value, str))


def granted(values: Iterable[str], roles: Mapping[str, tuple[ProvidedRole, ...]]) -> dict[str, str]:
    """By ward the highest role that the values stand for together."""
    found: dict[str, str] = {}
    for value in values:
        for role, ward in roles.get(value, ()):
            found[ward] = max(role, found.get(ward, role), key=ROLES.index)
    return found
