"""Who may what where."""

import pytest

from dashboards.console.people.access import EVERYTHING, Access, Grant, Role


def test_a_role_in_one_ward_gives_nothing_in_another() -> None:
    access = Access.of([Grant("west", Role.CLINICIAN)])
    assert access.may(Role.CLINICIAN, "west")
    assert not access.may(Role.VIEWER, "east")
    assert access.wards(Role.VIEWER) == frozenset({"west"})


def test_a_role_for_all_wards_holds_in_each_and_the_higher_one_counts() -> None:
    access = Access.of([Grant("", Role.VIEWER), Grant("west", Role.NURSE)])
    assert access.role_in("west") is Role.NURSE
    assert access.role_in("east") is Role.VIEWER
    assert access.wards(Role.VIEWER) is None
    assert access.wards(Role.NURSE) == frozenset({"west"})


@pytest.mark.parametrize(
    ("role", "sees"), [(Role.VIEWER, False), (Role.NURSE, True), (Role.ADMIN, True)]
)
def test_devices_on_no_bed_are_for_those_who_may_assign_them(role: Role, *, sees: bool) -> None:
    assert Access.of([Grant("west", role)]).may(Role.VIEWER, None) is sees


def test_listening_to_raw_sound_comes_with_no_role() -> None:
    assert not Access.of([Grant("", Role.ADMIN)]).may_listen_raw("west")
    listener = Access.of([Grant("west", Role.NURSE, may_listen_raw=True)])
    assert listener.may_listen_raw("west")
    assert not listener.may_listen_raw("east")


def test_nobody_may_nothing_and_a_superuser_everything() -> None:
    assert not Access().may(Role.VIEWER, "west")
    assert Access().highest is None
    assert EVERYTHING.may_everywhere(Role.ADMIN)
    assert EVERYTHING.may_listen_raw("west")
