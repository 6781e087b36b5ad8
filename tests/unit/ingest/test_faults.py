"""Faults come as often as asked, the same for the same seed, and each apart from the others."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.faults import PROFILES, FaultPlan, FaultProfile, FaultyNetwork, Spells, profile
from models.errors import ConfigurationError

CHUNK_US = 1_000_000


def network(**faults: float) -> FaultyNetwork[int]:
    return FaultyNetwork(
        FaultProfile.model_validate(faults), np.random.default_rng(3), chunk_us=CHUNK_US
    )


def carried(way: FaultyNetwork[int], chunks: int) -> list[tuple[int, int]]:
    """When which of so many chunks arrives, in the order of arrival."""
    return sorted(
        (arrival for n in range(chunks) for arrival in way.carry([n], n * CHUNK_US)),
        key=lambda arrival: arrival[0],
    )


def test_single_settings_stand_on_top_of_a_profile() -> None:
    gentle = profile("gentle", {"loss_fraction": 0.5})
    assert gentle == PROFILES["gentle"].model_copy(update={"loss_fraction": 0.5})


@pytest.mark.parametrize(
    ("name", "single", "said"),
    [
        ("wild", {}, "fault profile 'wild' is not known, these are: none, gentle, rough"),
        ("none", {"loss": 0.1}, "fault setting loss: .*known are loss_fraction, duplicate"),
        ("none", {"loss_fraction": 1.5}, "fault setting loss_fraction: .*less than or equal to 1"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(
    name: str, single: dict[str, float], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        profile(name, single)


def test_a_ward_without_faults_has_none() -> None:
    plan = FaultPlan(PROFILES["none"], np.random.SeedSequence(1))
    for spells in (plan.power_losses, plan.outages, plan.electrode_off):
        assert not spells.on_at(10**15)
    assert (plan.clock_offset_us, plan.clock_drift_ppm) == (0, 0.0)
    assert plan.battery_fraction >= 0.4
    assert network().carry([1, 2], 5) == [(5, 1), (5, 2)]


def test_spells_come_as_often_and_last_as_long_as_asked() -> None:
    spells = Spells(120.0, 30.0, np.random.default_rng(5))
    found = []
    for _ in range(2000):
        found.append(spells.current)
        spells.advance()
    lengths_s = np.array([spell.until_us - spell.from_us for spell in found]) / 1e6
    pauses_s = np.diff([0.0, *(s.from_us for s in found)])[1:] / 1e6 - lengths_s[:-1]
    assert 15.0 <= lengths_s.min() <= lengths_s.max() <= 45.0
    assert lengths_s.mean() == pytest.approx(30.0, rel=0.05)
    assert pauses_s.mean() == pytest.approx(120.0, rel=0.1)


@given(st.lists(st.integers(1, 50_000_000), max_size=50))
def test_a_spell_is_on_between_its_ends_whenever_one_asks(steps_us: list[int]) -> None:
    asked, drawn = (Spells(20.0, 5.0, np.random.default_rng(8)) for _ in range(2))
    now_us = 0
    for step_us in steps_us:
        now_us += step_us
        while drawn.current.until_us <= now_us:
            drawn.advance()
        assert asked.on_at(now_us) == (drawn.current.from_us <= now_us)


def test_more_of_one_fault_moves_no_other() -> None:
    calm, torn = (
        FaultPlan(PROFILES["gentle"].model_copy(update=change), np.random.SeedSequence(4))
        for change in ({}, {"outage_every_s": 1.0, "loss_fraction": 0.9})
    )
    torn.outages.on_at(10**9)
    assert torn.power_losses.current == calm.power_losses.current
    assert torn.electrode_off.current == calm.electrode_off.current
    assert torn.new_boot_id() == calm.new_boot_id()
    assert torn.clock_offset_us == calm.clock_offset_us


def test_clocks_and_batteries_differ_within_what_was_asked() -> None:
    plans = [FaultPlan(PROFILES["rough"], np.random.SeedSequence([1, n])) for n in range(400)]
    offsets_s = np.array([plan.clock_offset_us for plan in plans]) / 1e6
    drifts_ppm = np.array([plan.clock_drift_ppm for plan in plans])
    assert np.abs(offsets_s).max() <= 120.0
    assert np.abs(drifts_ppm).max() <= 100.0
    assert offsets_s.std() > 50.0
    assert drifts_ppm.std() > 40.0
    low = np.mean([plan.battery_fraction < 0.2 for plan in plans])
    assert low == pytest.approx(0.3, abs=0.08)


def test_as_many_chunks_are_lost_and_doubled_as_asked() -> None:
    way = network(loss_fraction=0.1, duplicate_fraction=0.2)
    arrived = [n for _, n in carried(way, 5000)]
    assert way.lost == 5000 - len(set(arrived)) == pytest.approx(500, rel=0.2)
    assert way.doubled == len(arrived) - len(set(arrived)) == pytest.approx(900, rel=0.2)


def test_jitter_delays_but_keeps_the_order() -> None:
    arrivals = carried(network(jitter_s=3.0), 2000)
    assert [n for _, n in arrivals] == list(range(2000))
    delays_us = [due_us - n * CHUNK_US for due_us, n in arrivals]
    assert 0 <= min(delays_us) <= max(delays_us) <= 3_000_000
    assert max(delays_us) > 2_500_000


def test_a_chunk_out_of_order_is_overtaken_by_one_or_two() -> None:
    arrived = [n for _, n in carried(network(reorder_fraction=0.05), 5000)]
    overtaken = sum(later < earlier for earlier, later in itertools.pairwise(arrived))
    assert sorted(arrived) == list(range(5000))
    assert overtaken == pytest.approx(250, rel=0.25)
    assert max(abs(place - n) for place, n in enumerate(arrived)) <= 2
