"""What somebody may do where. It knows no database and no request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class Role(IntEnum):
    """Each may all that the one before it may.

    A viewer looks; a nurse answers alarms, admits and writes notes; a clinician sets limits,
    labels and listens; an admin says who may what.
    """

    VIEWER = 1
    NURSE = 2
    CLINICIAN = 3
    ADMIN = 4


EVERYWHERE = ""


class Grant(NamedTuple):
    """A role in one ward, or in all of them; listening to raw sound is a right of its own."""

    ward: str
    role: Role
    may_listen_raw: bool = False


@dataclass(frozen=True)
class Access:
    """All that one person was granted."""

    roles: Mapping[str, Role] = field(default_factory=dict)
    raw_wards: frozenset[str] = frozenset()

    @classmethod
    def of(cls, grants: Iterable[Grant]) -> "Access":
        roles: dict[str, Role] = {}
        raw = set()
        for grant in grants:
            roles[grant.ward] = max(grant.role, roles.get(grant.ward, grant.role))
            if grant.may_listen_raw:
                raw.add(grant.ward)
        return cls(roles, frozenset(raw))

    @property
    def highest(self) -> Role | None:
        return max(self.roles.values(), default=None)

    def role_in(self, ward: str | None) -> Role | None:
        """The role in a ward; None, where nobody is assigned, is for those who may assign."""
        if not ward:
            return None if self.highest is None or self.highest < Role.NURSE else self.highest
        found = [self.roles[name] for name in (EVERYWHERE, ward) if name in self.roles]
        return max(found, default=None)

    def may(self, role: Role, ward: str | None) -> bool:
        held = self.role_in(ward)
        return held is not None and held >= role

    def may_everywhere(self, role: Role) -> bool:
        held = self.roles.get(EVERYWHERE)
        return held is not None and held >= role

    def may_listen_raw(self, ward: str | None) -> bool:
        return self.may(Role.VIEWER, ward) and bool(self.raw_wards & {EVERYWHERE, ward or ""})

    def wards(self, role: Role) -> frozenset[str] | None:
        """The wards in which at least this role is held; None: all."""
        if self.may_everywhere(role):
            return None
        return frozenset(ward for ward, held in self.roles.items() if held >= role)


EVERYTHING = Access({EVERYWHERE: Role.ADMIN}, frozenset({EVERYWHERE}))
