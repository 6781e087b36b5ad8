"""The ledger of windows agrees with a plain set, however the windows come."""

from hypothesis import given
from hypothesis import strategies as st

from dashboards.terminal.ledger import WindowLedger


@given(st.lists(st.integers(0, 40)))
def test_it_knows_what_a_set_knows(indices: list[int]) -> None:
    ledger, plain = WindowLedger(), set[int]()
    for index in indices:
        assert ledger.add(("a", 1, index)) is (index not in plain)
        plain.add(index)
    assert len(ledger) == len(plain)
    assert ledger.doubled == len(indices) - len(plain)
    assert ledger.missing() == (max(plain) - min(plain) + 1 - len(plain) if plain else 0)
    assert [index for index in range(42) if ("a", 1, index) in ledger] == sorted(plain)


def test_devices_and_boots_are_counted_apart() -> None:
    ledger = WindowLedger()
    ledger.add(("a", 1, 7))
    ledger.add(("a", 2, 0))
    ledger.add(("b", 1, 2))
    assert (len(ledger), ledger.missing(), ledger.doubled) == (3, 0, 0)
    assert ("b", 2, 2) not in ledger


def test_a_day_in_order_is_kept_as_one_interval() -> None:
    ledger = WindowLedger()
    for index in range(34_560):
        ledger.add(("a", 1, index))
    assert len(ledger._seen["a", 1]._starts) == 1
