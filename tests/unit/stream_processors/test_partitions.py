from stream_processors.partition import Partition
from stream_processors.partitions import Partitions
from tests.unit.stream_processors.logs import log_of, sent


def new() -> Partitions:
    return Partitions(lambda topic, number: Partition(topic, number, history=False))


def test_a_partition_keeps_its_state_within_an_assignment() -> None:
    partitions = new()
    assert partitions.at("t", 0, 1) is partitions.at("t", 0, 1)
    assert partitions.at("t", 0, 1) is not partitions.at("t", 1, 1)


def test_a_rebalance_begins_everything_anew_even_what_stays_assigned() -> None:
    partitions = new()
    before = partitions.at("t", 0, 1)
    partitions.at("t", 1, 1)
    after = partitions.at("t", 0, 2)

    assert after is not before
    assert partitions.has(after)
    assert not partitions.has(before)
    assert partitions.committable("t", 1) is None


def test_nothing_is_committable_after_partitions_were_revoked() -> None:
    partitions = new()
    partitions.at("t", 0, 1)
    assert partitions.committable("t", 0) == 0
    partitions.drop()
    assert partitions.committable("t", 0) is None
    assert partitions.next_offset("t", 0) is None


def test_counters_outlive_a_rebalance() -> None:
    partitions = new()
    for generation in (1, 2):
        for record in log_of([sent("a", n, 1.0, received_s=n) for n in range(4)]):
            partitions.at("t", 0, generation).step(record)

    assert partitions.counters().chunks == 8
