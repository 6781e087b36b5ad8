"""What a provider's claim stands for."""

from typing import Any

import pytest

from dashboards.console.lib.provided_roles import ROLES, ProvidedRole, claimed, granted, parsed
from dashboards.console.people.access import Role


def test_roles_are_those_of_the_console_in_their_order() -> None:
    assert [role.name.lower() for role in sorted(Role)] == list(ROLES)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("groups", ("a", "b")),
        ("realm_access.roles", ("c",)),
        ("one", ("d",)),
        ("number", ()),
        ("one.deeper", ()),
        ("absent", ()),
        ("absent.deeper", ()),
    ],
)
def test_a_claim_is_a_text_or_a_list_of_them_and_may_lie_in_another(
    name: str, values: tuple[str, ...]
) -> None:
    claims: dict[str, Any] = {
        "groups": ["a", 7, None, "b"],
        "realm_access": {"roles": ["c"]},
        "one": "d",
        "number": 3,
    }
    assert claimed(claims, name) == values


def test_a_value_may_stand_for_roles_in_several_wards_and_the_highest_of_a_ward_counts() -> None:
    roles = parsed("a=nurse@west;a=viewer ; cn=b,ou=c=clinician@west;")
    assert roles["a"] == (ProvidedRole("nurse", "west"), ProvidedRole("viewer", ""))
    assert granted(["cn=b,ou=c", "a", "unknown"], roles) == {"west": "clinician", "": "viewer"}
    assert granted([], roles) == {}
