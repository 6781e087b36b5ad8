import numpy as np

from stream_processors.arrivals import Arrival, LaneKey
from stream_processors.conflicts import MOST_TOLD, PERIOD_US, Conflicts
from tests.unit.stream_processors.logs import START_US, arrival

KEY = LaneKey("bed-1", 7, 2000)


def reasons(
    conflicts: Conflicts, *chunks: Arrival, key: LaneKey = KEY, log_us: int = START_US
) -> list[str]:
    found = [conflicts.reason(key, chunk, (0, 1), log_us) for chunk in chunks]
    return [reason for reason in found if reason is not None]


def cut_anew(number: int) -> list[Arrival]:
    return [arrival(first, 2000) for first in range(1000, 1000 + 2000 * number, 2000)]


def test_the_reason_says_which_samples_and_what_they_overlap() -> None:
    reason = Conflicts().reason(KEY, arrival(5000, 2000), (5000, 6000), START_US)
    assert reason == (
        "the chunk of samples 5000 to 6999 of boot 7 overlaps others in part: samples 5000 to 5999 "
        "were taken or given up before. A chunk that is sent again must be cut as it was at first"
    )


def test_the_same_chunk_is_told_of_once() -> None:
    conflicts = Conflicts()
    assert len(reasons(conflicts, *cut_anew(2), *cut_anew(2))) == 2


def test_a_device_that_cuts_all_of_its_sound_anew_is_told_of_ten_times() -> None:
    found = reasons(Conflicts(), *cut_anew(1000))
    assert len(found) == MOST_TOLD == 10
    assert [reason.endswith("(the 10th of this device in ten minutes: more are only counted)")
            for reason in found] == [False] * 9 + [True]  # fmt: skip


def test_a_reboot_or_another_rate_gives_a_device_no_more() -> None:
    conflicts = Conflicts()
    told = [
        reasons(conflicts, *cut_anew(1), key=KEY._replace(boot_id=boot, sample_rate_hz=rate))
        for boot in range(20)
        for rate in (2000, 4000)
    ]
    assert sum(map(len, told)) == MOST_TOLD


def test_one_device_takes_nothing_from_another() -> None:
    conflicts = Conflicts()
    reasons(conflicts, *cut_anew(100))
    assert len(reasons(conflicts, *cut_anew(3), key=KEY._replace(device_id="bed-2"))) == 3


def test_after_ten_minutes_of_the_log_it_tells_again_and_has_forgotten_what_was() -> None:
    conflicts = Conflicts()
    reasons(conflicts, *cut_anew(100))
    assert len(reasons(conflicts, *cut_anew(3), log_us=START_US + PERIOD_US)) == 3
    assert [len(told) for told in conflicts._told.values()] == [3]


def test_who_begins_later_tells_of_all_that_the_first_reader_would_have() -> None:
    rng = np.random.default_rng(3)
    log = [(arrival(int(first) * 500, 2000), START_US + n * PERIOD_US // 20)
           for n, first in enumerate(rng.integers(0, 30, 200))]  # fmt: skip
    one = Conflicts()
    of_one = [one.reason(KEY, chunk, (0, 1), at_us) is not None for chunk, at_us in log]
    for begin in range(0, 200, 7):
        other = Conflicts()
        told = set()
        for told_by_one, (chunk, at_us) in list(zip(of_one, log, strict=True))[begin:]:
            if other.reason(KEY, chunk, (0, 1), at_us) is not None:
                told.add((chunk.first_sample, at_us // PERIOD_US))
            assert not told_by_one or (chunk.first_sample, at_us // PERIOD_US) in told
