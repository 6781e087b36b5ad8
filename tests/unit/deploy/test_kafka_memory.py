"""When the embedded Kafka is worn out, told from the share of a core that it takes."""

from deploy.kafka_memory import Wear


def worn(*shares: float | None, wear: Wear | None = None) -> Wear:
    """Each share for a minute, looked at every second."""
    wear = wear or Wear()
    for minute, share in enumerate(shares):
        for second in range(60):
            wear.note(60.0 * minute + second, share)
    return wear


def test_a_steady_load_never_wears_it_out_however_great() -> None:
    assert not worn(*[0.9] * 60).is_out


def test_growing_slow_wears_it_out() -> None:
    assert not worn(0.1, 0.2, 0.3, 0.4).is_out
    assert worn(0.1, 0.2, 0.3, 0.4, 0.6, 0.7).is_out


def test_a_busy_start_and_a_short_peak_are_no_wear() -> None:
    busy_start = worn(1.0, 0.1)
    assert not busy_start.is_out

    busy_start.note(120.0, 1.5)
    assert not busy_start.is_out


def test_time_without_a_process_does_not_count() -> None:
    assert not worn(0.1, None, None).is_out
