import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_processors.arrivals import Arrival
from stream_processors.clock import captured_at_us, start_us
from tests.unit.stream_processors.logs import START_US, sound

RATE_HZ = 2000


def chunk(first_s: float, *, captured_s: float, received_s: float) -> Arrival:
    """One second of sound."""
    first = round(first_s * RATE_HZ)
    return Arrival(
        offset=0,
        received_at_us=START_US + round(received_s * 1e6),
        captured_at_us=START_US + round(captured_s * 1e6),
        first_sample=first,
        end_sample=first + RATE_HZ,
        samples=sound(first, RATE_HZ),
    )


def start_s(first_window_s: float, *chunks: Arrival) -> float:
    return (start_us(round(first_window_s * RATE_HZ), RATE_HZ, chunks) - START_US) / 1e6


def test_the_devices_own_clock_says_when_a_window_began() -> None:
    chunks = [chunk(n, captured_s=100 + n, received_s=101.3 + n) for n in range(2, 8)]
    assert start_s(2.5, *chunks) == pytest.approx(102.5)


def test_a_window_that_begins_in_a_gap_is_reckoned_back_from_its_first_chunk() -> None:
    assert start_s(2.5, chunk(4, captured_s=104, received_s=105.2)) == pytest.approx(102.5)


def test_old_sound_keeps_the_devices_clock_for_a_quarter_of_an_hour() -> None:
    assert start_s(2, chunk(2, captured_s=2, received_s=902)) == pytest.approx(2)


@pytest.mark.parametrize("captured_s", [-2e9 / 1e3, 1e6, 106.3])
def test_an_implausible_clock_gives_way_to_the_bridges(captured_s: float) -> None:
    # The second chunk took the shortest way: 0.1 s after its own end.
    chunks = [
        chunk(2, captured_s=captured_s, received_s=101.2),
        chunk(3, captured_s=captured_s + 1, received_s=101.3),
        chunk(4, captured_s=captured_s + 2, received_s=104.0),
    ]
    assert start_s(2.5, *chunks) == pytest.approx(99.8)


@given(
    jitter=st.lists(st.floats(0, 5), min_size=1, max_size=6),
    again_s=st.floats(0, 600),
)
def test_resent_sound_gets_the_same_time(jitter: list[float], again_s: float) -> None:
    def chunks(delay_s: float) -> list[Arrival]:
        return [
            chunk(n, captured_s=n, received_s=n + 1 + wait_s + delay_s)
            for n, wait_s in enumerate(jitter)
        ]

    assert start_s(0, *chunks(0)) == start_s(0, *chunks(again_s))


def test_reckons_the_devices_clock_at_any_sample() -> None:
    at = chunk(2, captured_s=50, received_s=51)
    assert captured_at_us(at, at.end_sample, RATE_HZ) == START_US + 51_000_000
    assert captured_at_us(at, at.first_sample - 1000, RATE_HZ) == START_US + 49_500_000
