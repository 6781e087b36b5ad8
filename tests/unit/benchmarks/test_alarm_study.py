"""The study of alarms: its quick way counts as the alarm machine does, and its people are real."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.dsp import hear
from models.rhythm import Heart
from models.verdict import Assessment
from stream_processors.records import Finding
from tests.benchmarks.alarm_study import choice, ward
from tests.benchmarks.alarm_study.figures import bounded, group
from tests.benchmarks.alarm_study.hearing import Stream, Told, read, told, write
from tests.benchmarks.alarm_study.marks import marked_bpm
from tests.benchmarks.alarm_study.people import SNRS_DB, STREAM_S, disturbed, people, stream
from tests.benchmarks.alarm_study.rules import (
    Measured,
    Point,
    measured,
    points,
    raised_s,
    said,
    share,
)
from tests.benchmarks.alarm_study.ward import raised
from training.datasets.recordings import DataSet, Recording
from training.datasets.states import State

RATE_HZ = PIPELINE_GRID.sample_rate_hz
WINDOWS = int(STREAM_S / PIPELINE_GRID.hop_s) - 1


def window(probability: float, *, good: bool = True, bpm: float = 72) -> Told:
    finding = Finding(
        model="screen",
        version="1",
        label="abnormal",
        probability=probability,
        probabilities={"normal": 1 - probability, "abnormal": probability},
        abstained=not good,
    )
    quality = Assessment(
        score=0.9 if good else 0.4,
        verdict="good" if good else "poor",
        reasons=() if good else ("speech",),
    )
    return Told(quality, (finding,), Heart(rate_bpm=bpm, confidence=0.9))


def stream_of(*windows: Told, abnormal: bool = False, noise: str = "clean") -> Stream:
    return Stream("set/someone", None, abnormal, "test", noise, windows)


def drawn(seed: int) -> Stream:
    """Stretches of findings that come and go, with windows that are not good among them."""
    draw = np.random.default_rng(seed)
    level = np.repeat(draw.uniform(0, 1, 24), 10)[:WINDOWS]
    likely = np.clip(level + draw.normal(0, 0.15, len(level)), 0, 1)
    good = draw.random(len(level)) < 0.8
    return stream_of(*(window(p, good=g) for p, g in zip(likely.tolist(), good, strict=True)))


@pytest.mark.parametrize("point", [Point(8, 12, 0.5), Point(2, 3, 0.7), Point(6, 8, 0.8)])
def test_the_quick_way_finds_the_alarms_of_the_alarm_machine(point: Point) -> None:
    streams = [drawn(seed) for seed in range(12)]
    quick = [list(raised_s(said(each), point)) for each in streams]
    machine = [
        [alarm.at_s for alarm in own if alarm.condition == "finding"]
        for own in raised(streams, point)
    ]
    assert quick == machine
    assert any(len(own) > 1 for own in quick)


def test_windows_that_are_not_good_say_nothing() -> None:
    assert said(stream_of(*[window(0.99, good=False)] * 50)).at_s == ()
    assert raised([stream_of(*[window(0.99, good=False)] * 10)], Point(2, 3, 0.5)) == [[]]


def test_a_child_has_the_limits_of_a_child() -> None:
    fast = stream_of(*[window(0.1, bpm=130)] * 20)
    child = Stream("set/child", "child", False, "test", "clean", fast.windows)
    adult, of_child = raised([fast, child], None)
    assert [alarm.condition for alarm in adult] == ["tachycardia"]
    assert of_child == []


def test_a_rate_alarm_is_right_where_the_marks_bear_it_out() -> None:
    fast = [window(0.1, bpm=130)] * 20
    borne_out, not_so = (
        Stream("set/someone", None, False, "test", "clean", tuple(fast), marked)
        for marked in ((110.0, 128.0), (60.0, 64.0))
    )
    found = raised([borne_out, not_so], None)
    assert [[alarm.is_right for alarm in own] for own in found] == [[True], [False]]
    assert group([borne_out], found[:1]).ring.value == 0.0
    assert group([not_so], found[1:]).ring.value == 1.0


def test_who_is_alarmed_in_time_is_told_by_what_they_have() -> None:
    heard, silent = (
        Stream("set/someone", None, True, "test", "clean", tuple([window(p)] * 20), None, has)
        for p, has in ((0.99, "training-a, MVP"), (0.01, "training-e, CAD"))
    )
    of = [heard, silent, heard]
    found = group(of, raised(of, Point(2, 3, 0.5))).in_time_by_what_they_have
    assert found == {"training-a, MVP": (2, 2), "training-e, CAD": (0, 1)}


def test_a_marked_rate_is_a_mean_over_some_beats_without_a_hole(data: DataSet) -> None:
    ann = people([(data, each) for each in data.recordings])[0]
    slow = [State(beat, beat + 0.1, "S1") for beat in range(8)]
    fast = [State(20 + beat / 2, 20 + beat / 2 + 0.1, "S1") for beat in range(8)]
    assert marked_bpm(ann, {"a.flac": (*slow, *fast)}) == pytest.approx((60, 120))
    assert marked_bpm(ann, {"a.flac": tuple(slow[:5])}) is None


def test_the_limits_tried_are_those_that_a_ward_may_set() -> None:
    for point in points():
        raised([stream_of(window(0.1))], point)  # refuses what contradicts itself


def test_a_rule_is_measured_by_people() -> None:
    ill = [stream_of(*[window(0.9)] * 100, abnormal=True), stream_of(window(0.1), abnormal=True)]
    well = [stream_of(*[window(0.2)] * 100), stream_of(*[window(0.9)] * 100, noise="talking")]
    found = measured([said(each) for each in (*ill, *well)], Point(4, 6, 0.5))
    assert (found.in_time_clean, found.ring_clean, found.ring_noisy) == (0.5, 0.0, 1.0)
    assert found.delay_s == 5 + 3 * 2.5
    assert found.per_hour_noisy == pytest.approx(6.0)


def _rule(ring: float, in_time: float, *, noisy: float = 0.0) -> Measured:
    return Measured(Point(8, 12, 0.5), ring, noisy, ring, noisy, in_time, in_time, 20.0)


def test_of_quiet_rules_the_one_that_finds_most_is_chosen() -> None:
    loud, quiet, deaf = _rule(0.2, 0.99), _rule(0.05, 0.8), _rule(0.0, 0.3)
    assert choice.chosen([loud, deaf, quiet]) is quiet
    assert choice.keeps(quiet)
    assert not choice.keeps(deaf)


def test_one_window_alone_is_never_chosen() -> None:
    alone, two = _rule(0.0, 0.9)._replace(point=Point(1, 1, 0.93)), _rule(0.05, 0.5)
    assert choice.chosen([alone, two]) is two


def test_where_none_is_quiet_the_quietest_is_chosen() -> None:
    louder, noisy = _rule(0.2, 0.99), _rule(0.05, 0.9, noisy=0.12)
    assert choice.chosen([louder, noisy]) is noisy


def test_a_figure_has_an_interval_that_holds_it() -> None:
    found = bounded([(1.0,), (), (2.0,), ()], lambda of: share([bool(own) for own in of]))
    assert found.low < found.value == 0.5 < found.high


def test_a_group_counts_people_by_condition_and_the_patients_alarms_alone() -> None:
    alarms = [
        [
            ward.Raised("finding", "physiological", 30.0),
            ward.Raised("finding", "physiological", 99),
        ],
        [ward.Raised("poor_signal", "technical", 60.0)],
    ]
    found = group([stream_of(window(0.9)), stream_of(window(0.1, good=False))], alarms)
    assert found.by_condition == {"finding": 1, "poor_signal": 1}
    assert (found.ring.value, found.in_time.value, found.delay_s) == (0.5, 0.5, 30.0)
    assert found.per_hour.value == pytest.approx(6.0)
    assert found.good_windows == 0.5


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    def record(name: str, subject: str, label: str, steps: int) -> Recording:
        soundfile.write(tmp_path / name, np.full(3 * RATE_HZ, steps, np.int16), RATE_HZ)
        return Recording(path=name, labels=(label,), subject=subject, database="x")

    return DataSet(
        name="small",
        folder=tmp_path,
        recordings=(
            record("b.flac", "ann", "abnormal", 2),
            record("a.flac", "ann", "normal", 1),
            record("c.flac", "bob", "normal", 3),
        ),
    )


def test_a_stream_is_one_person_over_and_over(data: DataSet) -> None:
    ann, bob = people([(data, each) for each in data.recordings])
    assert (ann.name, ann.abnormal, bob.abnormal) == ("small/ann", True, False)
    sound = stream(ann)
    assert len(sound) == STREAM_S * RATE_HZ
    assert sound[:: 3 * RATE_HZ].tolist() == [1, 2] * 100
    assert set(stream(bob).tolist()) == {3}


def test_noise_is_mixed_in_at_a_ratio_of_the_band() -> None:
    draw = np.random.default_rng(3)
    sound = np.rint(3000 * np.sin(np.arange(60 * RATE_HZ) * 2 * np.pi * 60 / RATE_HZ))
    hiss = draw.normal(0, 0.05, 7 * RATE_HZ).astype(np.float32)
    mixed = disturbed(sound.astype(np.int16), hiss, np.random.default_rng(4))
    added = (mixed - sound).astype(np.int16)
    powers = [
        np.mean(np.square(hear(each.astype(np.int16), RATE_HZ, PIPELINE_FILTER, RATE_HZ)))
        for each in (sound, added)
    ]
    asked_db = np.random.default_rng(4).uniform(*SNRS_DB)
    assert 10 * np.log10(powers[0] / powers[1]) == pytest.approx(asked_db, abs=0.3)


def test_what_was_heard_comes_back_from_its_file(tmp_path: Path) -> None:
    silence = told(np.zeros(12 * RATE_HZ, np.int16), [])
    assert [each.quality.verdict for each in silence] == ["unusable"] * 3
    streams = [drawn(1), stream_of(*silence)]
    write(streams, tmp_path / "heard")
    assert read(tmp_path / "heard") == streams
