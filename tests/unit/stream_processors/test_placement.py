import pytest

from stream_processors.placement import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafkas_own_tests(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed % 2**32


def test_devices_spread_over_all_partitions() -> None:
    assert {partition_of(f"bed-{number}", 6) for number in range(100)} == set(range(6))
