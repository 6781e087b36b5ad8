"""What the ward's table says is true of now: replays, late results and silence do not fool it."""

from dashboards.terminal.ward_view import (
    ProcessPicture,
    Standing,
    WardView,
    waiting_for,
)
from stream_processors.records import Assignment, DeadLetter, Heartbeat
from tests.reports import heartbeat
from tests.unit.dashboards.terminal.examples import NOW_US, at, finding, result


def _assignment(number: int) -> Assignment:
    return Assignment(
        assignment_id=f"a{number}",
        device_id=f"wearable-{number:02}",
        patient_id=f"patient-{number}",
        ward="demo",
        bed=str(number),
        from_us=0,
    )


def _heartbeat(chunks: float, *, at_s: float, started_us: int = 1) -> Heartbeat:
    return heartbeat(
        kind="bridge",
        at_us=at(at_s),
        started_us=started_us,
        counters={"chunks_received": chunks},
    )


def test_assigned_beds_are_shown_in_their_order_before_anything_is_heard() -> None:
    view = WardView()
    view.assigned(_assignment(number) for number in (10, 2, 1))
    beds = view.picture(NOW_US).beds
    assert [bed.bed for bed in beds] == ["1", "2", "10"]
    assert {bed.standing for bed in beds} == {Standing.WAITING}


def test_a_bed_shows_its_latest_result() -> None:
    view = WardView()
    view.result(result(window_index=1, published_us=at(-1)), at(-1))
    view.result(
        result(window_index=0, published_us=at(-4), findings=(finding("abnormal"),)), at(-4)
    )
    (bed,) = view.picture(NOW_US).beds
    assert (bed.standing, bed.age_s) == (Standing.NORMAL, 1.0)


def test_a_result_of_the_past_does_not_replace_the_present() -> None:
    view = WardView()
    view.result(result(window_index=1), NOW_US)
    late = result(window_index=0, findings=(finding("abnormal"),), late=True)
    view.result(late, at(1))
    picture = view.picture(at(1))
    assert picture.beds[0].standing is Standing.NORMAL
    assert picture.windows == 2
    assert picture.latency_ms["end_to_end"].p99 == 900.0


def test_any_label_but_normal_is_abnormal_and_poor_signal_takes_it_back() -> None:
    view = WardView()
    view.result(result("a", bed="1", findings=(finding("AS"),)), NOW_US)
    view.result(result("b", bed="2", findings=(finding("AS", abstained=True),)), NOW_US)
    view.result(result("c", bed="3", findings=(finding("AS", shadow=True), finding())), NOW_US)
    view.result(result("d", bed="4", findings=()), NOW_US)
    assert [bed.standing for bed in view.picture(NOW_US).beds] == [
        Standing.ABNORMAL,
        Standing.POOR_SIGNAL,
        Standing.NORMAL,
        Standing.POOR_SIGNAL,
    ]


def test_a_finding_is_not_shown_as_true_once_the_device_has_fallen_silent() -> None:
    view = WardView()
    view.result(result(), NOW_US)
    assert view.picture(at(10)).beds[0].standing is Standing.NORMAL
    assert view.picture(at(11)).beds[0].standing is Standing.SILENT


def test_replays_are_counted_once_and_skipped_windows_are_missing() -> None:
    view = WardView()
    for index in (0, 1, 1, 4):
        view.result(result(window_index=index), NOW_US)
    picture = view.picture(NOW_US)
    assert (picture.windows, picture.windows_missing) == (3, 2)
    assert picture.windows_per_s == 0.3


def test_gaps_are_the_mean_of_the_last_windows() -> None:
    view = WardView()
    view.result(result(window_index=0, gap_fraction=0.5), NOW_US)
    view.result(result(window_index=1), NOW_US)
    assert view.picture(NOW_US).beds[0].gap_fraction == 0.25


def test_chunks_are_counted_on_through_a_restart_of_the_bridge() -> None:
    view = WardView()
    view.heartbeat(_heartbeat(100, at_s=-4))
    view.heartbeat(_heartbeat(120, at_s=-2))
    view.heartbeat(_heartbeat(30, at_s=0, started_us=2))
    picture = view.picture(NOW_US)
    assert (picture.chunks, picture.chunks_per_s) == (150, 15.0)
    assert view.picture(at(7)).chunks_per_s == 5.0


def test_what_was_counted_before_the_view_began_is_no_sound_of_now() -> None:
    view = WardView(since_us=at(-10))
    running = ProcessPicture("bridge", "running", 0, None)
    view.heartbeat(_heartbeat(100_000, at_s=-60, started_us=at(-90)))  # of an earlier run
    view.heartbeat(_heartbeat(5000, at_s=-2, started_us=at(-50)))  # of a bridge that runs longer
    picture = view.picture(NOW_US)
    assert (picture.chunks, picture.chunks_per_s) == (0, 0.0)
    assert "waiting for the first sound" in str(waiting_for(picture, [running]))
    view.heartbeat(_heartbeat(5020, at_s=0, started_us=at(-50)))
    picture = view.picture(NOW_US)
    assert (picture.chunks, picture.chunks_per_s) == (20, 2.0)
    assert "sound is coming in" in str(waiting_for(picture, [running]))
    assert "waiting for the first sound" in str(waiting_for(view.picture(at(11)), [running]))


def test_the_last_dead_letter_is_kept() -> None:
    view = WardView()
    for reason in ("too long", "too short"):
        view.dead_letter(
            DeadLetter(at_us=NOW_US, stage="bridge", reason=reason, topic="t", payload=b"")
        )
    picture = view.picture(NOW_US)
    assert picture.dead_letters == 2
    assert picture.last_dead_letter is not None
    assert picture.last_dead_letter.reason == "too short"


def test_an_empty_table_says_what_it_waits_for() -> None:
    view = WardView()
    up, starting = (
        ProcessPicture("bridge", "running", 0, None),
        ProcessPicture("worker", "starting", 0, None),
    )
    ending = ProcessPicture("simulator", "stopping", 0, None)
    waits = waiting_for(view.picture(NOW_US), [up, starting, ending])
    assert waits == "waiting for worker to start"
    assert waiting_for(view.picture(NOW_US), [up]) == "waiting for the first sound from the devices"
    view.heartbeat(_heartbeat(1, at_s=0))
    assert "needs 5 s" in str(waiting_for(view.picture(NOW_US), [up]))
    view.result(result(), NOW_US)
    assert waiting_for(view.picture(NOW_US), [up]) is None
