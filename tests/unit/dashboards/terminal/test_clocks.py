"""A clock is known for the boot that it was estimated in, and by its latest estimate."""

from msgspec import structs

from dashboards.terminal.clocks import Clocks
from tests.unit.dashboards.terminal.examples import at, clock_of


def test_a_clock_is_known_for_its_own_boot_alone() -> None:
    clocks = Clocks()
    clocks.take(clock_of("a", -40_000, boot_id=1))
    clocks.take(clock_of("b", None))
    assert clocks.offset_us("a", 1) == -40_000
    assert clocks.offset_us("a", 2) is None
    assert clocks.offset_us("b", 1) is None
    assert clocks.errors_ms() == {"a": 40.0}


def test_an_older_estimate_does_not_replace_a_newer_one() -> None:
    clocks = Clocks()
    clocks.take(structs.replace(clock_of("a", 2), at_us=at(10)))
    clocks.take(clock_of("a", 1))
    assert clocks.offset_us("a", 1) == 2
