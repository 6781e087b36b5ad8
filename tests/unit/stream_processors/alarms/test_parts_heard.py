"""A part that falls silent is missed, by its name or by the partitions that nobody reads."""

from typing import Any

from stream_processors.alarms.limits import BUILT_IN
from stream_processors.alarms.parts_heard import PartsHeard
from stream_processors.records import Heartbeat


def s(seconds: float) -> int:
    return 1_000_000_000_000 + round(seconds * 1e6)


def beat(kind: str, instance: str, **said: Any) -> Heartbeat:
    given: dict[str, Any] = {"kind": kind, "instance": instance} | said
    return Heartbeat(process=kind, pid=1, at_us=0, started_us=0, **given)


def true(parts: PartsHeard, at_s: float) -> dict[str, str]:
    readings = parts.readings(s(at_s), BUILT_IN)
    return {reading.condition: reading.words for reading in readings if reading.holds}


def test_a_bridge_is_missed_by_its_name_after_ten_seconds() -> None:
    parts = PartsHeard(s(0))
    parts.take(beat("bridge", "b1"), s(0))
    parts.take(beat("bridge", "b2"), s(0))
    parts.take(beat("bridge", "b2"), s(9))
    assert true(parts, 10) == {}
    assert true(parts, 11) == {"monitoring_lost/b1": "no word of bridge b1 for 10 s"}


def test_a_worker_may_be_replaced_by_one_of_another_name() -> None:
    parts = PartsHeard(s(0))
    parts.take(beat("audio", "old", partitions=("pcg.audio/0", "pcg.audio/1")), s(0))
    parts.take(beat("audio", "new", partitions=("pcg.audio/0", "pcg.audio/1")), s(9))
    assert true(parts, 15) == {}


def test_a_partition_that_nobody_reads_is_missed() -> None:
    parts = PartsHeard(s(0))
    parts.take(beat("alarms", "a", partitions=("pcg.results/0",)), s(0))
    parts.take(beat("alarms", "b", partitions=("pcg.results/1",)), s(0))
    parts.take(beat("alarms", "a", partitions=("pcg.results/0",)), s(12))
    words = "no alarms worker reads pcg.results/1 for 10 s"
    assert true(parts, 12) == {"monitoring_lost/alarms": words}


def test_what_was_heard_before_the_watch_began_has_the_usual_time() -> None:
    parts = PartsHeard(s(1000))
    parts.take(beat("bridge", "b1"), s(0))
    assert true(parts, 1009) == {}
    assert "monitoring_lost/b1" in true(parts, 1011)


def test_what_is_silent_for_an_hour_was_taken_out_of_service() -> None:
    parts = PartsHeard(s(0))
    parts.take(beat("bridge", "b1"), s(0))
    parts.take(beat("audio", "w", partitions=("pcg.audio/0",)), s(0))
    assert len(true(parts, 3599)) == 2
    over = {r.condition: r.holds for r in parts.readings(s(3601), BUILT_IN)}
    assert over == {"monitoring_lost/b1": False, "monitoring_lost/audio": False}
    assert parts.readings(s(3602), BUILT_IN) == ()


def test_a_database_that_is_away_for_long_is_a_sink_that_is_down() -> None:
    parts = PartsHeard(s(0))
    for at_s in range(0, 14, 2):
        parts.take(beat("influx", "i1", counters={"database_away": 1.0}), s(at_s))
    assert true(parts, 10) == {}
    words = "i1 cannot write for 10 s; results wait in Kafka"
    assert true(parts, 12) == {"sink_down/i1": words}
    parts.take(beat("influx", "i1", counters={"database_away": 0.0}), s(14))
    assert true(parts, 14) == {}


def test_late_results_are_told_with_hysteresis() -> None:
    parts = PartsHeard(s(0))

    def said(delay_s: float) -> bool | None:
        told = beat("alarms", "a", partitions=("p/0",), counters={"result_delay_s": delay_s})
        parts.take(told, s(0))
        found = {r.condition: r.holds for r in parts.readings(s(1), BUILT_IN)}
        return found["pipeline_late"]

    assert [said(4.0), said(11.0), said(7.0), said(5.0)] == [False, True, None, False]


def test_the_path_is_whole_while_every_bridge_speaks() -> None:
    parts = PartsHeard(s(0))
    assert parts.path_whole_us(s(0)) is None
    parts.take(beat("bridge", "b1"), s(1))
    assert parts.path_whole_us(s(2)) == s(2)
    parts.take(beat("bridge", "b1"), s(6))
    assert parts.path_whole_us(s(7)) == s(2)
    assert parts.path_whole_us(s(13)) is None
    parts.take(beat("bridge", "b1"), s(20))
    assert parts.path_whole_us(s(20)) == s(20)


def test_a_bridge_that_was_away_while_nobody_asked_broke_the_path() -> None:
    parts = PartsHeard(s(0))
    parts.take(beat("bridge", "b1"), s(1))
    assert parts.path_whole_us(s(2)) == s(2)
    parts.take(beat("bridge", "b1"), s(40))
    assert parts.path_whole_us(s(41)) == s(41)


def test_an_alarm_from_before_of_a_part_that_is_known_goes_on() -> None:
    parts = PartsHeard(s(0))
    parts.take(beat("bridge", "b1"), s(0))
    open_now = ("monitoring_lost/b1", "monitoring_lost/b2", "sink_down/i1", "audio_pause")
    readings = parts.readings(s(11), BUILT_IN, open_now=open_now)
    assert {r.condition: r.holds for r in readings} == {
        "monitoring_lost/b1": True,
        "monitoring_lost/b2": False,
        "sink_down/i1": False,
    }


def test_simulators_are_not_missed() -> None:
    parts = PartsHeard(s(0))
    parts.take(beat("simulator", "sim"), s(0))
    assert true(parts, 100) == {}
